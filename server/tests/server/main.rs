//! Publishing and serving as clients see it.

mod admission;
mod blobs;
mod changes;
mod channels;
mod command_line;
mod docker;
mod files;
mod fixture;
mod kills;
mod large;
mod migration;
mod packages;
mod pages;
mod prompt;
mod publishing;
mod recipe_import;
mod reports;
mod resolve;
mod signing;
mod socket;
mod toolchains;
mod twins;
mod wheels;
mod write_sequence;
