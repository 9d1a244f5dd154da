//! What a transit takes over, and what it learns of it: custody only with the origin's proof, and
//! nothing of kind, contact point or request.

mod ahead;
mod attached;
mod catalogue;
mod conduct;
mod custody;
mod early;
mod held_back;
mod hostile;
mod mutants;
mod parsers;
mod reads;
mod restored;
mod row;
mod shuffles;
mod sizes;
mod waits;
