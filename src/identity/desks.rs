//! Who of an agency may do what at which of its desks: the agency's own policy, as values.
//!
//! It narrows what a role may do (`permission.rs`) and widens nothing. Without a policy every role
//! does what its row says; with one, what it does not name is not allowed. `config/desks.rs` reads it
//! from a file, `node/desks.rs` asks it.

use std::collections::BTreeMap;
use std::fmt;

use crate::domain::acts::Act;
use crate::domain::ids::ContactPointId;
use crate::domain::kinds::KindCode;
use crate::identity::principal::{Principal, Role};

/// What can be done at a desk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Right {
    /// Send what belongs to a request that is known.
    Answer,
    /// Claim, give back and acknowledge what came to the desk.
    Claim,
    /// See what the desk sent and got, and the requests in which it takes part.
    Read,
    /// Approve what somebody else drafted at the desk, or send it back.
    Release,
    /// Let go on, give back and remark on what the agency reviews in transit.
    Review,
    /// Send what opens something new.
    Send,
}

impl Right {
    /// Every right there is.
    pub const ALL: [Self; 6] =
        [Self::Answer, Self::Claim, Self::Read, Self::Release, Self::Review, Self::Send];

    /// The word in policies and in what callers are told.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Answer => "answer",
            Self::Claim => "claim",
            Self::Read => "read",
            Self::Release => "release",
            Self::Review => "review",
            Self::Send => "send",
        }
    }
}

impl fmt::Display for Right {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// What can be done for the agency as a whole, besides at its desks.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Keeping {
    /// Grant auditors content, and take it again.
    Audit,
    /// Erase content, refuse to, and say whether it is still needed.
    Erase,
    /// Place holds and release them.
    Hold,
}

impl Keeping {
    /// All of it.
    pub const ALL: [Self; 3] = [Self::Audit, Self::Erase, Self::Hold];

    /// The word in policies and in what callers are told.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Audit => "audit",
            Self::Erase => "erase",
            Self::Hold => "hold",
        }
    }
}

impl fmt::Display for Keeping {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// Whom a line of a policy means: everybody of a role, or one post.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Who {
    /// The role.
    pub role: Role,
    /// The name of the post or machine; none for everybody of the role.
    pub name: Option<String>,
}

impl Who {
    /// Whether the caller is meant. Its agency is not looked at: a policy is for the own one.
    pub fn means(&self, caller: &Principal) -> bool {
        self.role == caller.role && self.name.as_ref().is_none_or(|it| *it == caller.name)
    }

    /// Whether all that `other` means is meant too.
    pub fn covers(&self, other: &Self) -> bool {
        self.role == other.role && (self.name.is_none() || self.name == other.name)
    }
}

/// The desk's part of a policy: who has which right there.
pub type DeskRights = BTreeMap<Right, Vec<Who>>;

/// Where one pair of eyes is not enough.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FourEyes {
    /// The desks; empty for all.
    pub desks: Vec<ContactPointId>,
    /// The kinds; empty for all.
    pub kinds: Vec<KindCode>,
    /// The acts; empty for all.
    pub acts: Vec<Act>,
    /// So long a draft waits for the second pair, in milliseconds.
    pub within_ms: i64,
}

impl FourEyes {
    /// Whether what is drafted at `desk` waits for somebody else.
    pub fn asks_for(&self, desk: &ContactPointId, kind: KindCode, act: Act) -> bool {
        (self.desks.is_empty() || self.desks.contains(desk))
            && (self.kinds.is_empty() || self.kinds.contains(&kind))
            && (self.acts.is_empty() || self.acts.contains(&act))
    }
}

/// What a policy says.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rules {
    /// Each desk that it names.
    pub desks: BTreeMap<ContactPointId, DeskRights>,
    /// Who looks after what is kept.
    pub keeping: BTreeMap<Keeping, Vec<Who>>,
    /// Where one pair of eyes is not enough.
    pub four_eyes: Vec<FourEyes>,
}

/// The policy of an agency; none, by default.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct DeskPolicy(Option<Rules>);

impl From<Rules> for DeskPolicy {
    fn from(rules: Rules) -> Self {
        Self(Some(rules))
    }
}

impl DeskPolicy {
    /// What it says, if there is one.
    pub const fn rules(&self) -> Option<&Rules> {
        self.0.as_ref()
    }

    /// Whether `caller` has `right` at `desk`.
    pub fn allows(&self, caller: &Principal, right: Right, desk: &ContactPointId) -> bool {
        let Some(rules) = &self.0 else {
            return true;
        };
        let named = rules.desks.get(desk).and_then(|it| it.get(&right));
        named.is_some_and(|it| it.iter().any(|who| who.means(caller)))
    }

    /// Whether `caller` may look after what is kept.
    pub fn keeps(&self, caller: &Principal, what: Keeping) -> bool {
        let Some(rules) = &self.0 else {
            return true;
        };
        rules.keeping.get(&what).is_some_and(|it| it.iter().any(|who| who.means(caller)))
    }

    /// How long what is drafted at `desk` waits for a second pair of eyes, in milliseconds; none if one
    /// is enough. Where several lines ask for it, the shortest time counts.
    pub fn four_eyes(&self, desk: &ContactPointId, kind: KindCode, act: Act) -> Option<i64> {
        let asking = self.0.iter().flat_map(|it| &it.four_eyes);
        asking.filter(|it| it.asks_for(desk, kind, act)).map(|it| it.within_ms).min()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(role: Role, name: &str) -> Principal {
        Principal::new("ita.coast-guard".parse().unwrap(), role, name).unwrap()
    }

    fn desk(name: &str) -> ContactPointId {
        format!("ita.coast-guard/{name}").parse().unwrap()
    }

    fn who(role: Role, name: Option<&str>) -> Who {
        Who { role, name: name.map(str::to_owned) }
    }

    #[test]
    fn without_a_policy_all_is_allowed_and_one_pair_of_eyes_is_enough() {
        let none = DeskPolicy::default();
        let vessel: KindCode = "SOM.8.2.VESSEL".parse().unwrap();
        let anna = caller(Role::Officer, "anna");
        assert!(Right::ALL.into_iter().all(|it| none.allows(&anna, it, &desk("night"))));
        assert!(Keeping::ALL.into_iter().all(|it| none.keeps(&anna, it)));
        assert_eq!(none.four_eyes(&desk("night"), vessel, Act::Request), None);
    }

    #[test]
    fn with_a_policy_nothing_is_allowed_that_it_does_not_name() {
        let by_post = vec![who(Role::Officer, Some("anna"))];
        let by_role = vec![who(Role::Service, None)];
        let rights = DeskRights::from([(Right::Send, by_post.clone()), (Right::Read, by_role)]);
        let desks = BTreeMap::from([(desk("night"), rights)]);
        let keeping = BTreeMap::from([(Keeping::Hold, by_post)]);
        let policy = DeskPolicy::from(Rules { desks, keeping, four_eyes: Vec::new() });
        let (anna, ben) = (caller(Role::Officer, "anna"), caller(Role::Officer, "ben"));
        let system = caller(Role::Service, "anna");
        let rights = |at: &'static str| Right::ALL.map(|right| (right, at));
        let mut allowed = Vec::new();
        for (name, it) in [("anna", &anna), ("ben", &ben), ("system", &system)] {
            let both = rights("night").into_iter().chain(rights("day"));
            let has = both.filter(|(right, at)| policy.allows(it, *right, &desk(at)));
            allowed.extend(has.map(|(right, at)| (name, right, at)));
        }
        assert_eq!(allowed, [("anna", Right::Send, "night"), ("system", Right::Read, "night")]);
        assert!(policy.keeps(&anna, Keeping::Hold) && !policy.keeps(&anna, Keeping::Erase));
        assert!(!policy.keeps(&ben, Keeping::Hold) && !policy.keeps(&system, Keeping::Hold));
        let nothing = DeskPolicy::from(Rules::default());
        assert!(!nothing.allows(&anna, Right::Send, &desk("night")));
    }

    #[test]
    fn the_shortest_of_several_times_counts_and_empty_lists_mean_all() {
        let vessel: KindCode = "SOM.8.2.VESSEL".parse().unwrap();
        let line = |desks: &[&str], acts: &[Act], within_ms| FourEyes {
            desks: desks.iter().map(|it| desk(it)).collect(),
            kinds: vec![vessel],
            acts: acts.to_vec(),
            within_ms,
        };
        let four_eyes = vec![line(&[], &[Act::Request], 9), line(&["night"], &[], 5)];
        let policy = DeskPolicy::from(Rules { four_eyes, ..Rules::default() });
        assert_eq!(policy.four_eyes(&desk("day"), vessel, Act::Request), Some(9));
        assert_eq!(policy.four_eyes(&desk("night"), vessel, Act::Request), Some(5));
        assert_eq!(policy.four_eyes(&desk("day"), vessel, Act::Refusal), None);
        let other = KindCode::all().find(|it| *it != vessel).unwrap();
        assert_eq!(policy.four_eyes(&desk("night"), other, Act::Request), None);
    }
}
