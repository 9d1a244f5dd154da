//! What must have run in so many worlds: what happens in each, what happens in most, what happens in many, and
//! what only a hundred worlds bring about.

use crate::seen::Tally;

/// Runs in every world: asked of one seed.
const IN_EACH: &[&str] = &[
    "command Submit",
    "command RecordStatement",
    "command Witness",
    "command RecordCosigned",
    "command Countersign",
    "duty dial",
    "duty answer",
    "crash",
    "restart",
    "command Upload",
];

/// Runs in more than four of five worlds: asked of so many seeds.
const FEW: u64 = 6;
const IN_MOST: &[&str] = &[
    "command RecordNoticesTaken",
    "command Receive",
    "command HandOver",
    "message delivered",
    "command Inbox",
    "command Erase",
    "command Hold",
    "command Drain",
    "long outage",
    "crash before write",
    "crash before durable",
    "crash after durable",
    "unsynced batch lost",
    "frame lost",
    "frame repeated",
    "frame delayed",
    "clock off",
    "refused to a role",
    "undelivered: expired",
    "undelivered: refused",
    "disk slow",
    "disk full",
    "partition",
    "heal",
    "call repeated",
    "act refused",
    "item named",
    "content erased",
    "message undelivered",
    "directory adopted",
    "command AdoptDirectory",
    "trail traced",
    "attachments dial",
    "command Conclude",
    "duty due",
    "attachment arrived",
    "command StateAttachment",
    "command OfferAttachment",
];

/// Runs in more than a quarter of the worlds: asked of so many seeds.
const MANY: u64 = 24;
const IN_MANY: &[&str] = &[
    "command Detour",
    "way chosen",
    "clock jumped",
    "clock beyond the limit",
    "clock put back",
    "refused while draining",
    "request to several",
    "item unknown",
    "malice: byte changed",
    "malice: kept",
    "sealing key replaced",
    "journal keys announced",
];

/// Runs in few worlds: asked of enough seeds.
const IN_FEW: &[&str] = &[
    "command OfTransit",
    "command EndOrderWait",
    "command HonourErasure",
    "command RefuseErasure",
    "given back and sent again",
    "command SetAside",
    "command OfSetAside",
    "set aside and released",
    "set aside and returned",
    "malice: said again",
    "malice: said elsewhere",
    "malice: held past expiry",
    "malice: signed for and not passed on",
    "malice: reordered",
    "malice: flood",
    "malice: address forged",
    "malice: desk forged",
    "malice: attachment altered",
    "malice: attachment without end",
    "malice: attachment made up",
    "directory: link added",
    "directory: link removed",
    "directory: link back",
    "directory: cost changed",
    "directory: channels changed",
    "directory: channels back",
    "directory: agency suspended",
    "directory: agency restored",
    "directory: agency joined",
    "directory: desk moved",
    "directory: desk back",
    "request passed on",
    "command EndAttachments",
    "attachment refused",
    "journal keys retired",
    "storage key replaced",
    "command Sighted",
    "command ConfirmVolume",
    "command ShowMissed",
    "command Recover",
    "disk copied",
    "disk set back",
    "volume opened",
    "acknowledged and missing",
    "said again as it was",
    "officer asked",
    "released by an officer",
    "given back by an officer",
    "remarked on by an officer",
    "expired under review",
    "link opened past a review",
    "asked by competence and delivered",
];

/// Everything that must happen at least once over all seeds.
pub fn everything() -> Vec<&'static str> {
    [IN_EACH, IN_MOST, IN_MANY, IN_FEW].concat()
}

/// What should have run in the first worlds, as many as `seeds`, and did not; all of `enough` worlds.
pub fn missing(total: &Tally, seeds: u64, enough: u64) -> Vec<&'static str> {
    let asked: Vec<&'static str> = match seeds {
        _ if seeds >= enough => everything(),
        MANY.. => [IN_EACH, IN_MOST, IN_MANY].concat(),
        FEW.. => [IN_EACH, IN_MOST].concat(),
        _ => IN_EACH.to_vec(),
    };
    asked.into_iter().filter(|it| !total.contains_key(it)).collect()
}

#[test]
fn what_did_not_run_is_named_by_as_many_worlds_as_must_have_brought_it_about() {
    for (seeds, lists) in [
        (1, &[IN_EACH][..]),
        (FEW, &[IN_EACH, IN_MOST][..]),
        (MANY, &[IN_EACH, IN_MOST, IN_MANY][..]),
        (100, &[IN_EACH, IN_MOST, IN_MANY, IN_FEW][..]),
    ] {
        let all: Tally = everything().into_iter().map(|it| (it, 1)).collect();
        assert_eq!(all.len(), everything().len(), "each stands once");
        assert_eq!(missing(&all, seeds, 100), Vec::<&str>::new(), "{seeds}");
        for name in lists.concat() {
            let mut without = all.clone();
            without.remove(name);
            assert_eq!(missing(&without, seeds, 100), [name], "{seeds}");
        }
    }
}
