//! Publishing and serving as clients see it.

mod blobs;
mod channels;
mod command_line;
mod files;
mod fixture;
mod pages;
mod prompt;
mod publishing;
mod socket;
mod wheels;
