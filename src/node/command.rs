//! What can be asked at the door, and what comes back once it is durable. Closed lists.

use std::sync::Arc;

use crate::clock::Timestamp;
use crate::directory::Directory;
use crate::domain::digest::Digest;
use crate::domain::draft::Draft;
use crate::domain::fact::Reason;
use crate::domain::header::{Header, MessageKey};
use crate::domain::ids::{AgencyId, ContactPointId, JournalName, MessageId, RequestId};
use crate::domain::particulars::Particulars;
use crate::domain::retention::ErasureCause;
use crate::domain::violation::Violation;
use crate::evidence::statement::CheckedStatement;
use crate::history::addressed::Addressed;
use crate::history::dues::DueKey;
use crate::identity::principal::Principal;
use crate::merkle::checkpoint::SignedCheckpoint;
pub use crate::node::act::{AuditAct, DraftAct, InboxAct, SetAsideAct, TransitAct};
use crate::node::attachments::upload::Upload;
use crate::node::conduct::{Misconduct, No};
use crate::node::copy::read::Snapshot;
use crate::node::doubt::Sighting;
use crate::node::queue::Asker;
use crate::node::sealing::{Plan, SealedMessage};
use crate::node::travelling::{Carried, Offered, Wanted};
use crate::wire::envelope::Envelope;
use crate::wire::relay::{Missing, Shown};
use crate::wire::skeleton::ReferenceMark;

/// A call that is remembered for good.
#[derive(Clone, Debug)]
pub struct Call {
    /// Who calls.
    pub principal: Principal,
    /// The caller's name for the call.
    pub key: String,
    /// HMAC over the call as it was submitted, under the node's key.
    pub fingerprint: Digest,
}

/// A draft to be sent, sealed ahead of its turn.
#[derive(Clone, Debug)]
pub struct Submission {
    /// The call.
    pub call: Call,
    /// The draft as it was checked.
    pub draft: Draft,
    /// Its request: the draft's, or a new one.
    pub request: RequestId,
    /// Life of the message in milliseconds.
    pub expires_in_ms: i64,
    /// One for each destination agency.
    pub messages: Vec<SealedMessage>,
    /// What its handling forbids already by what the message itself says.
    pub forbidden: Vec<Violation>,
    /// Checks everything and writes nothing.
    pub validate_only: bool,
    /// The call as it was submitted: what waits where somebody else must approve it first.
    pub as_submitted: Vec<u8>,
}

impl Submission {
    /// One that is carried out, and that nothing forbids by what the message itself says. Who must have it
    /// approved gives the call as it was submitted too.
    pub fn of(call: Call, draft: Draft, plan: &Plan, messages: Vec<SealedMessage>) -> Self {
        Self {
            call,
            draft,
            request: plan.request,
            expires_in_ms: plan.expires_in_ms,
            messages,
            forbidden: Vec::new(),
            validate_only: false,
            as_submitted: Vec::new(),
        }
    }
}

/// What became of opening a message that is for this agency.
#[derive(Clone, Debug)]
pub struct Opened {
    /// The particulars; none if they could not be opened.
    pub particulars: Option<Particulars>,
    /// The content key under the storage key; none if it could not be unwrapped.
    pub stored_key: Option<Vec<u8>>,
    /// References of its request, marked.
    pub references: Vec<ReferenceMark>,
}

/// What the node is for a message that arrives.
#[derive(Clone, Debug)]
pub enum Arriving {
    /// It is for this agency.
    ForUs(Box<Opened>),
    /// It is to be passed on to this peer.
    ToPassOn {
        /// The next hop.
        next_hop: AgencyId,
    },
    /// An officer of this desk looks at it before it is passed on.
    ToReview {
        /// The desk.
        desk: ContactPointId,
        /// What became of opening it.
        opened: Box<Opened>,
    },
}

/// A message handed over by a peer, its proofs checked.
#[derive(Clone, Debug)]
pub struct Arrival {
    /// Who hands over.
    pub from: AgencyId,
    /// The how-manieth handover of the message by that peer.
    pub number: u32,
    /// Hops that the message has made, this one included.
    pub hops: u32,
    /// Agencies that have had it, as the peer names them; none where it names none.
    pub trail: Vec<AgencyId>,
    /// What travels.
    pub envelope: Envelope,
    /// The reviewing transits to which it is sealed; of what passes on, those that have not let it go on.
    pub readers: Vec<AgencyId>,
    /// What to do with it, or why it must not be taken.
    pub verdict: Result<Arriving, No>,
}

/// A checkpoint of a neighbour whose signature holds.
#[derive(Clone, Debug)]
pub struct WitnessOffer {
    /// Whose journal.
    pub journal: JournalName,
    /// The checkpoint.
    pub checkpoint: SignedCheckpoint,
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// The size from which the proof starts.
    pub old_size: u64,
    /// The consistency proof.
    pub proof: Vec<Digest>,
}

/// A backup that is about to be made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PlannedBackup {
    /// Entries that it follows.
    pub from: u64,
    /// When it is to be destroyed.
    pub keep_until: Timestamp,
}

/// What can be asked.
#[derive(Clone, Debug)]
pub enum Command {
    /// Send a message.
    Submit(Box<Submission>),
    /// Take a message over from a peer, or say never.
    Receive(Box<Arrival>),
    /// Note that these messages are about to be handed to a peer.
    HandOver {
        /// The peer.
        peer: AgencyId,
        /// The messages.
        messages: Vec<MessageKey>,
    },
    /// Keep a statement about a message, which this peer told of itself or answered.
    RecordStatement(Asker, Box<CheckedStatement>),
    /// Verify, remember and cosign a neighbour's checkpoint.
    Witness(Box<WitnessOffer>),
    /// Note what a peer does wrong in a session; nothing is taken from it for a while once it is enough.
    Misconduct(AgencyId, Misconduct),
    /// Remember a checkpoint of ours that a peer cosigned.
    RecordCosigned {
        /// The peer.
        peer: AgencyId,
        /// Size of the checkpoint.
        size: u64,
        /// The checkpoint with the peer's cosignature.
        checkpoint: Vec<u8>,
    },
    /// Remember how far a peer took our statements.
    RecordNoticesTaken {
        /// The peer.
        peer: AgencyId,
        /// All up to this one.
        sequence: u64,
    },
    /// Give the latest checkpoint the journal's ML-DSA-44 cosignature.
    Countersign,
    /// An act on an incoming message, or reading an own one again.
    Inbox {
        /// The call; reading needs no key of its own.
        call: Call,
        /// Which message.
        message: MessageKey,
        /// What to do.
        act: InboxAct,
    },
    /// An act on a draft that waits for a second pair of eyes.
    Draft {
        /// The call; to be shown a draft needs no key of its own.
        call: Call,
        /// Which draft.
        draft: MessageId,
        /// What to do.
        act: DraftAct,
    },
    /// What an auditor is shown, or may be.
    Audit {
        /// The call; to be shown something needs no key of its own.
        call: Call,
        /// What to do.
        act: AuditAct,
    },
    /// End a draft that nobody approved, if its time has run out.
    ExpireDraft {
        /// Which draft.
        draft: MessageId,
    },
    /// Conclude a message that can't be delivered, if it still must be.
    Conclude {
        /// Which message.
        message: MessageKey,
    },
    /// Choose another way for messages that wait for a peer that fails, where there is one, and a way for
    /// words about messages that none led on.
    Detour {
        /// Which messages.
        messages: Vec<MessageKey>,
    },
    /// Set a message aside that this node can't hand over.
    SetAside {
        /// Which message.
        message: MessageKey,
        /// Why.
        reason: Reason,
    },
    /// Try a message again that was set aside, or end it here.
    OfSetAside {
        /// The call.
        call: Call,
        /// Which message.
        message: MessageKey,
        /// What to do.
        act: SetAsideAct,
    },
    /// A word of an officer about a message that is held for review.
    OfTransit {
        /// The call.
        call: Call,
        /// Which message.
        message: MessageKey,
        /// What to do.
        act: TransitAct,
    },
    /// Take nothing new until told otherwise, or again.
    Drain {
        /// The call.
        call: Call,
        /// Nothing new, or again.
        on: bool,
    },
    /// Begin, finish or drop a file that is handed in.
    Upload(Upload),
    /// Give someone of the agency sight of a confidential request, or take it.
    Sight {
        /// The call.
        call: Call,
        /// Which request.
        request: RequestId,
        /// Who is given or loses it.
        holder: Principal,
        /// Given, or taken.
        granted: bool,
    },
    /// Erase the content of a message.
    Erase {
        /// Who asks; the node itself where what is due is erased.
        by: Option<Principal>,
        /// Which message.
        message: MessageKey,
        /// Why.
        cause: ErasureCause,
    },
    /// Answer an erasure that the other side asked for, where the node may do that by itself.
    HonourErasure {
        /// Which message.
        message: MessageKey,
    },
    /// Ask the other side to erase what was erased here while there was no way to it.
    AskErasure {
        /// Which message.
        message: MessageKey,
    },
    /// Keep what the other side asks to be erased.
    RefuseErasure {
        /// The call.
        call: Call,
        /// Which message.
        message: MessageKey,
        /// Why.
        reason: Reason,
    },
    /// Erase what was kept of a request for long enough.
    EndRetention {
        /// Which due says so.
        due: DueKey,
    },
    /// Erase what an own note about a message says, once it was kept for long enough.
    EndNote {
        /// Which note.
        note: MessageKey,
    },
    /// Hold a request, so that nothing of it is erased, or release it.
    Hold {
        /// The call.
        call: Call,
        /// Which request.
        request: RequestId,
        /// Held, or released.
        held: bool,
    },
    /// Record that somebody looked whether the content of a request is still needed.
    Review {
        /// The call.
        call: Call,
        /// Which request.
        request: RequestId,
        /// Until when it is needed; none if all of it is erased.
        keep_until: Option<Timestamp>,
    },
    /// Note a deadline that falls due soon or has passed, if it still does.
    NoteDeadline {
        /// Which one.
        due: DueKey,
    },
    /// Raise the alarm for an urgent message that nobody took, or pass it to the next desk.
    Alarm {
        /// Which message.
        message: MessageKey,
    },
    /// Remember up to which entry alarms have been rung.
    RecordRung {
        /// Position of the last such entry.
        position: u64,
    },
    /// Take what a neighbour has seen of this journal, or that it could not be asked.
    Sighted(Sighting),
    /// Follow another directory, which was verified.
    AdoptDirectory(Arc<Directory>),
    /// Say how far the journal reaches and what is kept beside it, both of one moment, and remember the
    /// backup that is made of it.
    TakeSnapshot(PlannedBackup),
    /// Confirm that another agency's journal goes on in this volume.
    ConfirmVolume {
        /// The call.
        call: Call,
        /// The volume.
        journal: JournalName,
    },
    /// Show a peer what it lost of a volume, and take back what it had taken over.
    ShowMissed {
        /// The peer.
        peer: AgencyId,
        /// What it lost.
        missing: Missing,
    },
    /// Take what a peer shows of what was lost here.
    Recover {
        /// Who shows it.
        by: AgencyId,
        /// What it shows.
        shown: Shown,
    },
    /// State own messages of an earlier volume again.
    Restate {
        /// The messages.
        messages: Vec<MessageKey>,
    },
    /// Say whether an attachment is wanted that a peer offers.
    OfferAttachment(Box<Offered>),
    /// State what became of an attachment that a peer brought.
    StateAttachment(Arc<Carried>),
    /// Say of a message's attachments that did not come in time that they never will be taken.
    EndAttachments {
        /// Which message.
        message: MessageKey,
    },
    /// Let a message wait no longer for its predecessor, if its expiry has passed.
    EndOrderWait {
        /// Which message.
        message: MessageKey,
    },
}

/// One message as it was submitted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Submitted {
    /// Names it.
    pub message: MessageId,
    /// Its request.
    pub request: RequestId,
    /// For whom.
    pub destination: AgencyId,
    /// When it expires.
    pub expires_at: Timestamp,
    /// Reviewing transits to which it is sealed besides its destination.
    pub readers: Vec<AgencyId>,
    /// The contact points of `destination` that it is for.
    pub to: Vec<ContactPointId>,
    /// The competence by which it is addressed, and the directory that said who that is.
    pub addressed: Option<Addressed>,
    /// Position of the entry; none if only validated.
    pub position: Option<u64>,
}

/// What a witness says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Witnessed {
    /// Consistent with all seen before; here is the cosignature line.
    Cosigned {
        /// Size that is now witnessed.
        size: u64,
        /// The note line.
        line: Vec<u8>,
    },
    /// The proof must start from this size, which was witnessed.
    Stale(u64),
    /// The proof does not hold; one from this size is wanted, which was witnessed.
    BadProof(u64),
    /// Two histories: nothing new is taken from this journal.
    Conflict,
}

/// What comes back, released only after it is durable.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The messages, and whether the same call had been accepted before.
    Submitted(Vec<Submitted>, bool),
    /// What was to be sent waits as this draft, or did until it was withdrawn or ran out of time.
    Drafted(MessageId),
    /// The entry that answers a handover.
    Answered(u64),
    /// The handovers that may now be made, with their numbers.
    HandedOver(Vec<(MessageKey, u32)>),
    /// The witness's word.
    Witnessed(Witnessed),
    /// The entry that states it.
    Done(u64),
    /// The attachment is wanted, and goes into this file.
    Wanted(Box<Wanted>),
    /// What a peer lost, as far as it is known here.
    Shown(Shown),
    /// The state of one moment, to be copied.
    Snapshot(Box<Snapshot>),
    /// Nothing had to be written.
    Unchanged,
}

/// The header of what arrives: a short way to the parts that decisions need.
impl Arrival {
    /// The header.
    pub fn header(&self) -> &Header {
        &self.envelope.header
    }
}

impl Command {
    /// Whether it neither signs nor takes anything new, so that it may be done while nobody knows
    /// whether the journal is behind.
    pub const fn is_harmless(&self) -> bool {
        matches!(
            self,
            Self::Sighted(_)
                | Self::TakeSnapshot(_)
                | Self::AdoptDirectory(_)
                | Self::RecordRung { .. }
        )
    }

    /// Whether it may be done while neighbours are still asked what was lost of an earlier volume: it
    /// gives no number, and concludes nothing.
    pub const fn is_possible_meanwhile(&self) -> bool {
        self.is_harmless()
            || matches!(
                self,
                Self::Witness(_)
                    | Self::RecordCosigned { .. }
                    | Self::Countersign
                    | Self::ConfirmVolume { .. }
                    | Self::ShowMissed { .. }
                    | Self::Recover { .. }
            )
    }
}
