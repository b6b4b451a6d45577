//! Views of all of a large channel. They take seconds, so they follow a publish when they are made, and until then the
//! one before is shown.

use std::collections::{HashMap, HashSet};
use std::sync::{Arc, Mutex};

use super::{Snapshot, View, locked};
use crate::http::page::Page;
use crate::{ChannelName, ServerError};

/// From this many bytes of repodata on a channel is large.
const LARGE: u64 = 8 << 20;

/// Views that show all of a large channel, as they were last made.
#[derive(Debug, Default)]
pub(crate) struct LargeViews {
    last: Mutex<HashMap<(ChannelName, View), Arc<Page>>>,
    /// Those that are being made.
    begun: Mutex<HashSet<(ChannelName, View)>>,
}

/// What can be answered at once.
#[derive(Debug)]
pub(crate) enum AtHand {
    /// The view as it is.
    Current(Arc<Page>),
    /// The view as it was; the caller has it made anew.
    Earlier(Arc<Page>),
    /// It has to be made first.
    Nothing,
}

impl View {
    const fn shows_all(&self) -> bool {
        self.follows() || matches!(self, Self::PastLockfile { .. })
    }

    /// Whether it changes with every publish, so that the one before may be shown meanwhile.
    const fn follows(&self) -> bool {
        matches!(self, Self::ProjectList { .. } | Self::Lockfile { .. } | Self::Piplite { .. })
    }
}

impl LargeViews {
    pub(crate) fn at_hand(&self, snapshot: &Snapshot, view: &View) -> AtHand {
        if let Some(page) = snapshot.kept(view) {
            return AtHand::Current(page);
        }
        let key = (snapshot.channel.clone(), view.clone());
        let last = if is_large(snapshot, view) { locked(&self.last).get(&key).cloned() } else { None };
        last.map_or(AtHand::Nothing, AtHand::Earlier)
    }

    /// Makes a view, one that shows all of a large channel only once at a time; `None` if the channel does not have what
    /// it would show.
    pub(crate) fn make(&self, snapshot: &Snapshot, view: View) -> Result<Option<Arc<Page>>, ServerError> {
        if !is_large(snapshot, &view) {
            return snapshot.make(view);
        }
        let _turn = locked(&snapshot.whole);
        if let Some(page) = snapshot.kept(&view) {
            return Ok(Some(page));
        }
        let page = snapshot.make(view.clone())?;
        if let Some(page) = page.as_ref().filter(|_| view.follows()) {
            locked(&self.last).insert((snapshot.channel.clone(), view), Arc::clone(page));
        }
        Ok(page)
    }

    /// Makes a view anew, unless that has begun already.
    pub(crate) fn renew(&self, snapshot: &Snapshot, view: View) {
        let key = (snapshot.channel.clone(), view.clone());
        if !locked(&self.begun).insert(key.clone()) {
            return;
        }
        if let Err(error) = self.make(snapshot, view) {
            tracing::error!(channel = %snapshot.channel, %error, "serving an earlier view, the current one cannot be made");
        }
        locked(&self.begun).remove(&key);
    }
}

fn is_large(snapshot: &Snapshot, view: &View) -> bool {
    view.shows_all() && snapshot.lines(None).filter_map(|line| line.trees().repodata).any(|root| root.weight > LARGE)
}
