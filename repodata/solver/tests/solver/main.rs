//! What the solver chooses, what it asks for, and what it says.

mod choices;
mod messages;
mod pieces;
mod properties;
mod world;
