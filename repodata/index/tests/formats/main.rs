//! The formats as their readers see them.

mod closure;
mod sample;
mod tree;
mod views;
