//! Publishing and serving as clients see it.

mod admission;
mod blobs;
mod channels;
mod command_line;
mod docker;
mod export;
mod export_faults;
mod files;
mod fixture;
mod kills;
mod large;
mod migration;
mod mirror;
mod packages;
mod pages;
mod prompt;
mod publishing;
mod recipe_import;
mod reports;
mod resolve;
mod socket;
mod toolchains;
mod twins;
mod wheels;
mod write_sequence;
