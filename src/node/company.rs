//! Who asks the writer beside whom, and so what each may have of one commit: whoever floods has little of it
//! while others ask too, and lets them go first.

use std::collections::{BTreeMap, BTreeSet};

use crate::node::queue::Asker;

/// Commands of one asker that share one commit while nobody else asks.
const BATCH_COMMANDS_ALONE: usize = 16;
/// Commands of one asker that share one commit while others ask too: whoever asks beside one who floods
/// waits for two batches of so many at most.
const BATCH_COMMANDS_IN_COMPANY: usize = 2;
/// Commands that share one commit then of what follows from what was asked: duties, and what one peer answers.
const BATCH_COMMANDS_FOLLOWING: usize = 4;
/// Who asked within so many commits still counts as company.
const COMPANY_COMMITS: u64 = 64;

/// Who asks the writer, and so how much of one asker may share a commit. The node's own duties, and what
/// peers answer it, are company to nobody: they follow from what others ask.
#[derive(Default)]
pub(super) struct Company {
    commits: u64,
    /// In which commit each was served last.
    served: BTreeMap<Asker, u64>,
    /// Who had a full share of the last commit and has more waiting.
    sated: BTreeSet<Asker>,
}

impl Company {
    /// Whether `asker` had a full share of the last commit and has more waiting.
    pub(super) fn is_sated(&self, asker: &Asker) -> bool {
        self.sated.contains(asker)
    }

    /// Notes how many commands of whom one commit served, and of whom more `waits`.
    pub(super) fn note(&mut self, taken: &BTreeMap<Asker, usize>, waits: impl Fn(&Asker) -> bool) {
        let of_others = taken.iter().filter(|(asker, _)| asker.asks_of_itself());
        let is_sated = |(asker, count): &(&Asker, &usize)| {
            **count >= BATCH_COMMANDS_IN_COMPANY && waits(asker)
        };
        self.sated = of_others.clone().filter(is_sated).map(|(asker, _)| asker.clone()).collect();
        self.commits = self.commits.saturating_add(1);
        for (asker, _) in of_others {
            self.served.insert(asker.clone(), self.commits);
        }
        let gone = self.commits.saturating_sub(COMPANY_COMMITS);
        self.served.retain(|_, last| *last > gone);
    }

    /// Who asked of late and was not served by the last commit, if somebody was sated by it.
    pub(super) fn absent(&self) -> BTreeSet<Asker> {
        if self.sated.is_empty() {
            return BTreeSet::new();
        }
        let absent = self.served.iter().filter(|(_, last)| **last != self.commits);
        absent.map(|(asker, _)| asker.clone()).collect()
    }

    /// Commands of `asker` that may share a commit now.
    fn share(&self, asker: &Asker) -> usize {
        let asks = asker.asks_of_itself();
        let is_new = asks && !self.served.contains_key(asker);
        match (self.served.len() + usize::from(is_new) > 1, asks) {
            (true, true) => BATCH_COMMANDS_IN_COMPANY,
            (true, false) => BATCH_COMMANDS_FOLLOWING,
            (false, _) => BATCH_COMMANDS_ALONE,
        }
    }

    /// Whether a further command of `asker` may share a commit that serves so many of whom. Who was sated by
    /// the last one `sits` this one `out` where others wait.
    pub(super) fn may(
        &self,
        asker: &Asker,
        taken: &BTreeMap<Asker, usize>,
        sits_out: bool,
    ) -> bool {
        let count = taken.get(asker).copied().unwrap_or(0);
        count < self.share(asker) && !(sits_out && self.sated.contains(asker))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn peer(n: u8) -> Asker {
        Asker::Peer(format!("int.n{n}").parse().unwrap())
    }

    fn answering(n: u8) -> Asker {
        Asker::Answering(format!("int.n{n}").parse().unwrap())
    }

    fn served<const N: usize>(askers: [(&Asker, usize); N]) -> BTreeMap<Asker, usize> {
        askers.into_iter().map(|(asker, count)| (asker.clone(), count)).collect()
    }

    #[test]
    fn one_asker_shares_less_of_a_commit_as_long_as_others_ask_too() {
        let (one, other) = (peer(1), peer(2));
        let mut company = Company::default();
        assert_eq!(company.share(&one), BATCH_COMMANDS_ALONE);
        company.note(&served([(&one, 1), (&Asker::Duty, 1)]), |_| false);
        // Who comes new finds somebody; a duty is nobody.
        assert_eq!(company.share(&one), BATCH_COMMANDS_ALONE);
        assert_eq!(company.share(&other), BATCH_COMMANDS_IN_COMPANY);
        company.note(&served([(&other, 1)]), |_| false);
        for _ in 1..COMPANY_COMMITS {
            assert_eq!(company.share(&one), BATCH_COMMANDS_IN_COMPANY);
            company.note(&served([(&one, 1)]), |_| false);
        }
        // The other asked nothing for so many commits.
        company.note(&served([(&one, 1)]), |_| false);
        assert_eq!(company.share(&one), BATCH_COMMANDS_ALONE);
        assert_eq!(company.served.len(), 1, "who asks no more is forgotten");
    }

    #[test]
    fn what_a_peer_answers_is_nobodys_company() {
        let (one, other, next) = (peer(1), peer(2), answering(3));
        let full = (&one, BATCH_COMMANDS_IN_COMPANY);
        let mut company = Company::default();
        company.note(&served([(&one, 1), (&next, 9)]), |_| true);
        assert_eq!(company.share(&one), BATCH_COMMANDS_ALONE);
        assert_eq!(company.share(&next), BATCH_COMMANDS_ALONE, "it answers what one asked");
        company.note(&served([full]), |_| true);
        assert_eq!(company.absent(), BTreeSet::new(), "answers are not waited for");
        company.note(&served([(&other, 1), (&next, 9)]), |_| true);
        assert_eq!(company.sated, BTreeSet::new(), "answers never have had enough");
        assert_eq!(company.share(&one), BATCH_COMMANDS_IN_COMPANY);
        for follows in [next, answering(1), Asker::Duty] {
            assert_eq!(company.share(&follows), BATCH_COMMANDS_FOLLOWING);
        }
    }

    #[test]
    fn who_asked_of_late_is_waited_for_after_a_full_share_of_another() {
        let (one, other) = (peer(1), peer(2));
        let full = (&one, BATCH_COMMANDS_IN_COMPANY);
        let mut company = Company::default();
        company.note(&served([full]), |_| true);
        assert_eq!(company.absent(), BTreeSet::new(), "nobody else asks");
        company.note(&served([(&other, 1), (&Asker::Duty, 9)]), |_| true);
        assert_eq!(company.absent(), BTreeSet::new(), "nobody had a full share");
        company.note(&served([full]), |_| true);
        assert_eq!(company.absent(), BTreeSet::from([other.clone()]));
        company.note(&served([full]), |_| false);
        assert_eq!(company.absent(), BTreeSet::new(), "nothing of it waits");
        company.note(&served([full, (&other, 1)]), |_| true);
        assert_eq!(company.absent(), BTreeSet::new(), "nobody is absent");
    }

    #[test]
    fn who_had_a_full_share_sits_one_commit_out_where_others_wait() {
        let (one, other, nothing) = (peer(1), peer(2), BTreeMap::new());
        let mut company = Company::default();
        company.note(&served([(&one, BATCH_COMMANDS_IN_COMPANY), (&other, 1)]), |it| *it == one);
        assert!(!company.may(&one, &nothing, true) && company.may(&other, &nothing, true));
        assert!(company.may(&Asker::Duty, &nothing, true));
        assert!(company.may(&one, &nothing, false), "nobody else waits");
        // Not twice in a row, however many others there are.
        company.note(&served([(&other, 1)]), |it| *it == one);
        assert!(company.may(&one, &nothing, true));
    }
}
