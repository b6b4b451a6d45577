//! Archives: what is accepted, what is refused, and with which words.

mod accepted;
mod builder;
mod documents;
mod hostile;
mod properties;
mod twin;
