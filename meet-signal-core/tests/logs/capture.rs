//! A subscriber of `tracing` that keeps every event of every level. Shared by the tests of the
//! adapters.

use std::{
    collections::{BTreeMap, HashMap},
    fmt,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    thread::{self, ThreadId},
};

use tracing::{
    Event, Id, Level, Metadata, Subscriber,
    field::{Field, Visit},
    span::{Attributes, Record},
};

/// What was logged. A clone sees the same.
#[derive(Clone, Default)]
pub(crate) struct Logs(Arc<Mutex<State>>);

#[derive(Default)]
struct State {
    lines: Vec<Line>,
    spans: HashMap<Id, Span>,
    entered: HashMap<ThreadId, Vec<Id>>,
}

#[derive(Clone)]
struct Span {
    target: &'static str,
    level: Level,
    fields: Fields,
    parent: Option<Id>,
}

pub(crate) type Fields = BTreeMap<&'static str, String>;

/// An event.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Line {
    pub(crate) level: Level,
    pub(crate) target: &'static str,
    pub(crate) message: String,
    pub(crate) fields: Fields,
    /// Those of the library's spans around it, and their levels.
    pub(crate) span: Fields,
    pub(crate) span_levels: Vec<Level>,
}

impl Logs {
    /// The events of the library, in their order.
    pub(crate) fn lines(&self) -> Vec<Line> {
        let lines = self.lock().lines.clone();
        lines.into_iter().filter(Line::is_ours).collect()
    }

    /// All events, also those of other libraries.
    pub(crate) fn everything(&self) -> Vec<Line> {
        self.lock().lines.clone()
    }

    /// The events with this message.
    pub(crate) fn of(&self, message: &str) -> Vec<Line> {
        self.lines().into_iter().filter(|line| line.message == message).collect()
    }

    /// The one event with this message.
    #[track_caller]
    pub(crate) fn one(&self, message: &str) -> Line {
        let lines = self.of(message);
        assert_eq!(lines.len(), 1, "{message}: {lines:#?}\nof {:#?}", self.lines());
        lines.into_iter().next().expect("there is one")
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Line {
    pub(crate) fn is_ours(&self) -> bool {
        self.target.starts_with("meet_signal")
    }

    /// The value of a field, or "".
    pub(crate) fn field(&self, name: &str) -> &str {
        self.fields.get(name).map_or("", String::as_str)
    }

    /// The value of a field of its spans, or "".
    pub(crate) fn span(&self, name: &str) -> &str {
        self.span.get(name).map_or("", String::as_str)
    }
}

impl fmt::Debug for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { level, target, message, fields, span, .. } = self;
        write!(f, "{level} {span:?} {target}: {message} {fields:?}")
    }
}

impl Subscriber for Logs {
    fn enabled(&self, _: &Metadata<'_>) -> bool {
        true
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut fields = Visited::default();
        attributes.record(&mut fields);
        let mut state = self.lock();
        let parent = attributes.parent().cloned();
        let parent = parent.or_else(|| state.current().filter(|_| attributes.is_contextual()));
        let metadata = attributes.metadata();
        let (target, level) = (metadata.target(), *metadata.level());
        // No other subscriber has the same ids: tests have one after the other.
        let id = Id::from_u64(NEXT.fetch_add(1, Ordering::Relaxed));
        state.spans.insert(id.clone(), Span { target, level, fields: fields.fields, parent });
        id
    }

    fn record(&self, span: &Id, values: &Record<'_>) {
        let mut fields = Visited::default();
        values.record(&mut fields);
        if let Some(span) = self.lock().spans.get_mut(span) {
            span.fields.extend(fields.fields);
        }
    }

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut visited = Visited::default();
        event.record(&mut visited);
        let mut state = self.lock();
        let mut next = event.parent().cloned();
        next = next.or_else(|| state.current().filter(|_| event.is_contextual()));
        let (mut span, mut span_levels) = (Fields::new(), Vec::new());
        while let Some(Span { target, level, fields, parent }) =
            next.and_then(|id| state.spans.get(&id).cloned())
        {
            if target.starts_with("meet_signal") {
                span.extend(fields);
                span_levels.push(level);
            }
            next = parent;
        }
        let metadata = event.metadata();
        let (level, target) = (*metadata.level(), metadata.target());
        let Visited { message, fields } = visited;
        state.lines.push(Line { level, target, message, fields, span, span_levels });
    }

    fn enter(&self, span: &Id) {
        self.lock().entered.entry(thread::current().id()).or_default().push(span.clone());
    }

    fn exit(&self, span: &Id) {
        let mut state = self.lock();
        let entered = state.entered.entry(thread::current().id()).or_default();
        assert_eq!(entered.pop().as_ref(), Some(span), "spans are exited in order");
    }
}

impl State {
    fn current(&self) -> Option<Id> {
        self.entered.get(&thread::current().id())?.last().cloned()
    }
}

#[derive(Default)]
struct Visited {
    message: String,
    fields: Fields,
}

impl Visit for Visited {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.record_debug(field, &format_args!("{value}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        match field.name() {
            "message" => self.message = format!("{value:?}"),
            name => drop(self.fields.insert(name, format!("{value:?}"))),
        }
    }
}

static NEXT: AtomicU64 = AtomicU64::new(1);
