//! What the core tells the test.

use std::{cell::RefCell, rc::Rc};

use meet_signal_core::{AuthRequest, CloseReason};
use napi_derive::napi;
use serde_json::json;

/// Those that the test has not taken.
pub(crate) type Events = Rc<RefCell<Vec<Event>>>;

/// Something that happened at a connection.
#[napi(object, object_from_js = false)]
pub struct Event {
    /// The connection.
    pub connection: u32,
    /// `text`: a frame; `close`: a close frame; `gone`: the socket was dropped; `authorize`: a join
    /// waits for `decide`.
    pub kind: &'static str,
    /// The frame; the reason of the close frame; the `token` and the `meta` of the join, as JSON.
    pub text: String,
    /// The code of the close frame; else 0.
    pub code: u16,
}

impl Event {
    pub(crate) fn text(connection: u32, frame: &str) -> Self {
        Self { connection, kind: "text", text: frame.to_owned(), code: 0 }
    }

    pub(crate) fn close(connection: u32, reason: CloseReason) -> Self {
        let text = reason.text().into_owned();
        Self { connection, kind: "close", text, code: reason.code() }
    }

    pub(crate) fn gone(connection: u32) -> Self {
        Self { connection, kind: "gone", text: String::new(), code: 0 }
    }

    pub(crate) fn authorize(connection: u32, request: &AuthRequest) -> Self {
        let token = request.token.as_ref().map(|token| token.expose());
        let text = json!({ "token": token, "meta": request.meta }).to_string();
        Self { connection, kind: "authorize", text, code: 0 }
    }
}
