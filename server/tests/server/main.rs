//! Publishing and serving as clients see it.

mod blobs;
mod channels;
mod command_line;
mod files;
mod fixture;
mod kills;
mod pages;
mod prompt;
mod publishing;
mod reports;
mod socket;
mod wheels;
mod write_sequence;
