//! Ten small packages at once, against one after another: the same command with `--jobs 2` and `--jobs 1`.

use std::time::Instant;

use anyhow::Result;

use super::place::Place;
use super::{Row, median};
use crate::command::prepare;

/// Compiled ones that need no library.
const PACKAGES: [&str; 10] =
    ["kiwisolver", "lz4", "markupsafe", "mmh3", "msgpack", "multidict", "simplejson", "ujson", "wrapt", "xxhash"];

/// Rows, and lines for people.
pub(super) fn measure(place: &Place, rounds: u32) -> Result<(Vec<Row>, Vec<String>)> {
    // The first time brings sources and tools.
    seconds(place, 2)?;
    let (mut at_once, mut one_by_one) = (Vec::new(), Vec::new());
    for _ in 0..rounds {
        one_by_one.push(seconds(place, 1)?);
        at_once.push(seconds(place, 2)?);
    }
    let (at_once, one_by_one) = (median(at_once), median(one_by_one));
    let told = format!("ten small packages, medians of {rounds}: --jobs 2 {at_once:.1} s, --jobs 1 {one_by_one:.1} s");
    Ok((vec![Row::new("ten small packages, --jobs 2 / --jobs 1", at_once / one_by_one, 0.65)], vec![told]))
}

/// From empty caches of results and objects to ten admitted wheels.
fn seconds(place: &Place, jobs: u32) -> Result<f64> {
    place.forget_results()?;
    place.forget_objects()?;
    let started = Instant::now();
    prepare(place.build(&place.recipes).args(PACKAGES).arg(format!("--jobs={jobs}")))?;
    Ok(started.elapsed().as_secs_f64())
}
