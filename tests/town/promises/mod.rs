//! What agencies promise each other about a request, seen from outside: its course at both sides,
//! what is owed and by when, what handling forbids, who is woken, and what the year's figures say.
//!
//! Real nodes on memory stores under a clock that is moved by hand, over links that lose nothing;
//! the simulator has the other kind.

mod alarms;
mod alone;
mod competence;
mod deadlines;
mod detours;
mod doubt;
mod erasures;
mod giving_back;
mod handling;
mod keys;
mod lanes;
mod late;
mod lifecycle;
mod linked_since;
mod links;
mod messages;
mod network;
mod newer;
mod notes;
mod onward;
mod overtaking;
mod passing;
mod poison;
mod queued;
mod quota;
mod redirect;
mod retention;
mod reviews;
mod served;
mod set_aside;
mod several;
mod sides;
mod statistics;
mod unheard;
mod voids;
