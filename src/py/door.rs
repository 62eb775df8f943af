//! The door between Python and the engine: the engine works on a thread of its own without the GIL, while the calling
//! thread waits, hands events to callbacks, asks the user what the engine wants to know, and looks for signals.

use std::any::Any;
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender, sync_channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use pyo3::prelude::*;

use super::errors;
use super::results::{self, Told};
use crate::cli::{Invocation, Kind, Listener, MakeListener, Message as Heard};
use crate::diag::log::Level;
use crate::diag::{Code, Diagnostic};
use crate::engine::{Ask, Question};
use crate::execute::CancelToken;

/// How often the calling thread looks for Ctrl-C while nothing happens.
const PATIENCE: Duration = Duration::from_millis(50);

/// What comes through the door, from the engine's thread to the caller's.
enum Message<T> {
    Event(Box<Told>),
    /// Asked on the caller's thread: there Ctrl-C ends the waiting for an answer, and the terminal is put right.
    Ask(Question, SyncSender<Option<String>>),
    Done(thread::Result<T>),
}

/// The engine's side of the door.
struct Sender<T>(Mutex<SyncSender<Message<T>>>);

impl<T> Sender<T> {
    fn send(&self, message: Message<T>) -> Option<()> {
        let sender = self.0.lock().ok()?.clone();
        // No receiver: the caller was interrupted twice and left.
        sender.send(message).ok()
    }
}

impl<T: Send> Ask for Sender<T> {
    fn ask(&self, question: &Question) -> Option<String> {
        let (sender, receiver) = sync_channel(1);
        self.send(Message::Ask(question.clone(), sender))?;
        receiver.recv().ok().flatten()
    }
}

/// Passes every event on to the calling thread.
struct Callbacks<T> {
    sender: Arc<Sender<T>>,
    invocation: Arc<Invocation>,
}

impl<T: Send> Listener for Callbacks<T> {
    /// As dbt's: callbacks hear everything, whatever the level of the log.
    fn hears(&self, _: &Kind, _: Level) -> bool {
        true
    }

    fn reads_data(&self) -> bool {
        true
    }

    fn hear(&self, message: &Heard<'_>) {
        self.sender.send(Message::Event(Box::new(Told::new(message, &self.invocation))));
    }
}

/// How the work ended.
pub enum Ended<T> {
    Done(T),
    /// Ctrl-C, or a callback raised: the run was cancelled, and this is what it still gave.
    Stopped(Option<T>, PyErr),
}

/// What `work` gets of the caller.
pub struct Caller {
    /// Makes the listener for callbacks; None: there are none.
    pub listener: Option<MakeListener>,
    pub asker: Arc<dyn Ask>,
}

/// Runs `work` on its own thread; `cancel` must be the token that it obeys.
///
/// The first signal cancels and waits for the end, so that artifacts are written and locks are freed; a second one
/// leaves at once, and the thread ends by itself.
pub fn pass<T: Send + 'static>(
    py: Python<'_>,
    callbacks: &[Py<PyAny>],
    cancel: &CancelToken,
    work: impl FnOnce(Caller) -> T + Send + 'static,
) -> PyResult<Ended<T>> {
    // Bounded: a slow callback slows the run down instead of filling the memory.
    let (sender, receiver) = sync_channel(1024);
    let door = Arc::new(Sender(Mutex::new(sender.clone())));
    let for_events = door.clone();
    let listener: MakeListener = Box::new(move |invocation| Arc::new(Callbacks { sender: for_events, invocation }));
    let caller = Caller { listener: (!callbacks.is_empty()).then_some(listener), asker: door };
    let body = move || {
        let result = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| work(caller)));
        let _ = sender.send(Message::Done(result));
    };
    thread::Builder::new().name("headwater".to_owned()).spawn(body)?;
    wait(py, receiver, callbacks, cancel)
}

fn wait<T: Send>(
    py: Python<'_>,
    mut receiver: Receiver<Message<T>>,
    callbacks: &[Py<PyAny>],
    cancel: &CancelToken,
) -> PyResult<Ended<T>> {
    let mut stopped: Option<PyErr> = None;
    loop {
        let message;
        (message, receiver) = py.detach(move || (receiver.recv_timeout(PATIENCE), receiver));
        match message {
            Ok(Message::Done(Ok(value))) => {
                return Ok(match stopped {
                    None => Ended::Done(value),
                    Some(why) => Ended::Stopped(Some(value), why),
                });
            }
            Ok(Message::Done(Err(panic))) => return Err(errors::raise(py, &[bug(panic.as_ref())], None)),
            Err(RecvTimeoutError::Disconnected) => {
                return Err(errors::raise(py, &[bug(&"the engine's thread ended without a word")], None));
            }
            Ok(Message::Event(event)) if stopped.is_none() => stopped = tell(py, callbacks, event).err(),
            Ok(Message::Ask(question, answer)) => {
                let said = if stopped.is_none() { ask(py, &question) } else { Ok(None) };
                let said = said.unwrap_or_else(|error| {
                    stopped = Some(error);
                    None
                });
                // The engine waits for it.
                let _ = answer.send(said);
            }
            Ok(Message::Event(_)) | Err(RecvTimeoutError::Timeout) => {}
        }
        match (py.check_signals(), &stopped) {
            (Err(again), Some(_)) => return Ok(Ended::Stopped(None, again)),
            (Err(signal), None) => stopped = Some(signal),
            (Ok(()), _) => {}
        }
        if stopped.is_some() {
            // May ask a server to stop: other threads of Python must not wait for that.
            py.detach(|| cancel.cancel());
        }
    }
}

/// Puts a question by Python's own means. None: the input has ended.
fn ask(py: Python<'_>, question: &Question) -> PyResult<Option<String>> {
    let default = question.default.as_deref().filter(|default| !default.is_empty());
    let default = default.map(|default| format!(" [{default}]")).unwrap_or_default();
    let prompt = format!("{}{default}: ", question.text);
    let said = match question.hidden {
        true => py.import("getpass")?.call_method1("getpass", (prompt,)),
        false => py.import("builtins")?.call_method1("input", (prompt,)),
    };
    match said {
        Ok(said) => {
            let said: String = said.extract()?;
            Ok(Some(if said.is_empty() { question.default.clone().unwrap_or_default() } else { said }))
        }
        Err(error) if error.is_instance_of::<pyo3::exceptions::PyEOFError>(py) => Ok(None),
        Err(error) => Err(error),
    }
}

fn tell(py: Python<'_>, callbacks: &[Py<PyAny>], event: Box<Told>) -> PyResult<()> {
    let event = Py::new(py, results::Event::new(*event))?;
    callbacks.iter().try_for_each(|callback| callback.call1(py, (event.clone_ref(py),)).map(drop))
}

fn bug(panic: &(dyn Any + Send)) -> Diagnostic {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    let text = text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_default();
    Diagnostic::error(Code::Internal, format!("a bug in Headwater {}: {text}", crate::VERSION))
        .help("please report it with the command and the project's shape")
}
