//! The promise: an agency's people and systems send, follow, poll, read, audit and operate through
//! one listener, in gRPC and in JSON, each as far as its role goes.

mod alone;
mod answering;
mod attachments;
mod audit;
mod bringing;
mod carriage;
mod competence;
mod conduct;
mod confidential;
mod crooked;
mod ending;
mod erasure;
mod exchange;
mod labels;
mod gone;
mod health;
mod hostile;
mod json;
mod misspoken;
mod passing;
mod queue;
mod sides;
mod standing;
mod town;
mod unreadable;
mod voids;
