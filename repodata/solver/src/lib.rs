//! Chooses releases so that everything wanted and everything needed is there, and says why where that cannot be.
//!
//! [`solve`] works on what it is given and never fetches: where releases of a project are not known yet, the
//! [`Outcome`] names the project, the caller brings them and asks again. That costs a round per level of dependencies.
//!
//! Below it is [pubgrub](https://github.com/dart-lang/pub/blob/master/doc/solver.md). A project's releases are counted,
//! newest first, and a set of them is a set of bits, so that specifiers mean to the solver exactly what they mean
//! elsewhere. An extra is a project of its own that needs the same release of its base.
#![forbid(unsafe_code)]

mod candidates;
mod error;
mod explanation;
mod item;
mod problem;
mod ranks;
mod release_set;
mod request;
mod solve;

pub use error::{SolveError, Standing};
pub use request::{Known, Outcome, Request};
pub use solve::{solve, solve_with};
