//! The formats as their readers see them.

mod closure;
mod project;
mod sample;
mod tree;
mod views;
