//! What a layer is: something that makes calls, around something that makes calls.

use std::{
    future::Future,
    ops::{Deref, DerefMut},
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
    time::Duration,
};

use http::HeaderMap;

use super::{
    Call, CallError, Reply,
    clock::{self, Moment},
    instance::Instance,
    instances::Tried,
    limit::Place,
    sign::Signer,
};
use crate::telemetry::Trace;

/// A layer, or the client at the bottom. Layers are concrete types around each other: no boxed futures between them.
pub(super) trait Service: Send + Sync {
    /// Makes one call. The call is lent, so that a layer can make it again.
    fn call(&self, call: &Call, passage: Passage) -> impl Future<Output = Result<Box<Reply>, CallError>> + Send;
}

/// What travels with a call through the layers. On the heap: every layer holds it while it waits, and a request holds every layer.
#[derive(Debug)]
pub(super) struct Passage(Box<Terms>);

/// What a passage says.
#[derive(Debug)]
pub(super) struct Terms {
    /// When the call has to be over. Made once at the top, so that a wait in one layer leaves less to the next.
    pub(super) deadline: Moment,
    /// How much time that was from the start, for messages.
    pub(super) allowed: Duration,
    /// The time, as whoever waited last knew it: layers that do not wait need not look again.
    pub(super) now: Moment,
    /// Whose part the call is.
    pub(super) trace: Trace,
    /// How long this sending may take once it has a place among the calls at once; see [`Passage::set_out`].
    pub(super) longest: Option<Duration>,
    /// A place among the calls at once; given back when the call is over, also when its caller left before.
    pub(super) permit: Option<Place>,
    /// Headers that layers add to this sending (credentials, deadline); they replace the call's of the same name and do
    /// not count for what makes two calls equal.
    pub(super) headers: HeaderMap,
    /// What signs each sending, when all else of it is known.
    pub(super) signer: Option<Arc<Signer>>,
    /// All sendings of the call, where there may be several.
    pub(super) sendings: Option<Arc<Sendings>>,
    /// Until then a layer that waits longer than all below it looks after this sending: what would end it later need not wake it before.
    pub(super) watched_until: Option<Moment>,
    /// The instance that was chosen for this sending.
    pub(super) instance: Option<Arc<Instance>>,
    /// Its URL there, where that is not the call's.
    pub(super) url: Option<String>,
}

impl Passage {
    /// For a call that starts now and may take so long.
    pub(super) fn within(allowed: Duration) -> Self {
        let now = clock::moment();
        Self::of(now + allowed, allowed, now, Trace::default())
    }

    fn of(deadline: Moment, allowed: Duration, now: Moment, trace: Trace) -> Self {
        Self(Box::new(Terms {
            deadline,
            allowed,
            now,
            trace,
            longest: None,
            permit: None,
            headers: HeaderMap::new(),
            signer: None,
            sendings: None,
            watched_until: None,
            instance: None,
            url: None,
        }))
    }

    /// Time has passed.
    pub(super) fn has_waited(&mut self) {
        self.now = clock::moment();
    }

    /// What another sending of the call begins with.
    pub(super) fn again(&self) -> Again {
        Again {
            deadline: self.deadline,
            allowed: self.allowed,
            trace: self.trace.clone(),
            headers: (!self.headers.is_empty()).then(|| Box::new(self.headers.clone())),
            sendings: self.sendings.clone(),
        }
    }

    /// The sendings of the call, of which this is one. The first layer that asks says what they begin with.
    pub(super) fn sendings(&mut self) -> Arc<Sendings> {
        if let Some(sendings) = &self.sendings {
            return Arc::clone(sendings);
        }
        let (again, tried, is_left_alone) = (self.again(), Tried::default(), AtomicBool::new(false));
        let sendings = Arc::new(Sendings { again, tried, is_left_alone });
        self.sendings = Some(Arc::clone(&sendings));
        sendings
    }

    /// Who is told when nobody looks after this sending any more; `None`: nobody does at that time.
    pub(super) fn watch(&self, deadline: Moment) -> Option<Arc<Sendings>> {
        self.watched_until.filter(|until| *until < deadline).and(self.sendings.clone())
    }

    /// The call goes out now: from here on it has the time of one sending, where that is bounded. Its wait for a place is not
    /// counted: a sending that was cut off after it had waited would have cost the service its work for nothing.
    pub(super) fn set_out(&mut self) {
        if let Some(longest) = self.longest.take() {
            let deadline = self.now + longest;
            if deadline < self.deadline {
                (self.deadline, self.allowed) = (deadline, longest);
            }
        }
    }
}

/// What is the same for all sendings of a call. Kept by layers that may send it again, so that the first sending, which is mostly the
/// only one, takes its passage along.
#[derive(Debug)]
pub(super) struct Again {
    pub(super) deadline: Moment,
    allowed: Duration,
    trace: Trace,
    headers: Option<Box<HeaderMap>>,
    sendings: Option<Arc<Sendings>>,
}

/// All sendings of a call, whichever layers make them.
#[derive(Debug)]
pub(super) struct Sendings {
    again: Again,
    /// Instances that it was sent to.
    pub(super) tried: Tried,
    /// Whether the first took longer than it is looked after.
    is_left_alone: AtomicBool,
}

impl Sendings {
    /// When all of them have to be over.
    pub(super) fn deadline(&self) -> Moment {
        self.again.deadline
    }

    /// The passage of one that begins now.
    pub(super) fn passage(self: &Arc<Self>) -> Passage {
        let mut passage = self.again.passage();
        passage.sendings = Some(Arc::clone(self));
        passage
    }

    /// Nobody looks after the first any more.
    pub(super) fn leave(&self) {
        self.is_left_alone.store(true, Ordering::Relaxed);
    }

    /// Whether nobody does.
    pub(super) fn is_left_alone(&self) -> bool {
        self.is_left_alone.load(Ordering::Relaxed)
    }
}

impl Again {
    /// The passage of a sending that begins now.
    pub(super) fn passage(&self) -> Passage {
        let mut passage = Passage::of(self.deadline, self.allowed, clock::moment(), self.trace.clone());
        passage.sendings.clone_from(&self.sendings);
        if let Some(headers) = &self.headers {
            passage.headers.clone_from(headers);
        }
        passage
    }
}

impl Deref for Passage {
    type Target = Terms;

    fn deref(&self) -> &Terms {
        &self.0
    }
}

impl DerefMut for Passage {
    fn deref_mut(&mut self) -> &mut Terms {
        &mut self.0
    }
}
