//! The thread that reads what is not held in memory.

use std::sync::mpsc::{Receiver, SyncSender, TrySendError, sync_channel};
use std::thread::JoinHandle;

use rusqlite::Connection;
use tokio::sync::oneshot;

use super::database::OpenError;
use crate::store::Away;

/// Something that is asked of the database: looks, and hands over what it found itself.
type Question = Box<dyn FnOnce(&Connection) + Send>;

/// The handle to the reading thread. Dropping it lets what was asked be answered, and waits for that.
pub(super) struct Reader {
    questions: Option<SyncSender<Question>>,
    thread: Option<JoinHandle<()>>,
}

/// Questions that may wait; beyond it callers are told that the store is away. A profile is read in less than a
/// tenth of a millisecond.
const WAITING_MAX: usize = 4096;

impl Reader {
    /// `connection` is its own: it sees what is committed, and does not wait for the disk that the writer waits for.
    pub(super) fn start(connection: Connection) -> Result<Self, OpenError> {
        let (questions, waiting) = sync_channel(WAITING_MAX);
        let thread = std::thread::Builder::new()
            .name("store-reader".into())
            .spawn(move || answer(&connection, &waiting))
            .map_err(OpenError::Thread)?;
        Ok(Self { questions: Some(questions), thread: Some(thread) })
    }

    pub(super) async fn ask<T: Send + 'static>(
        &self,
        question: impl FnOnce(&Connection) -> rusqlite::Result<T> + Send + 'static,
    ) -> Result<T, Away> {
        let (reply, answer) = oneshot::channel();
        let question: Question = Box::new(move |database| {
            // Whoever asked may have gone.
            let _gone = reply.send(question(database).map_err(|error| Away { what: error.to_string() }));
        });
        let questions = self.questions.as_ref().ok_or_else(stopped)?;
        questions.try_send(question).map_err(|error| match error {
            TrySendError::Full(_) => Away { what: "too many questions wait to be answered".into() },
            TrySendError::Disconnected(_) => stopped(),
        })?;
        answer.await.map_err(|_| stopped())?
    }
}

fn stopped() -> Away {
    Away { what: "its reading thread has stopped".into() }
}

fn answer(database: &Connection, waiting: &Receiver<Question>) {
    while let Ok(question) = waiting.recv() {
        question(database);
    }
}

impl Drop for Reader {
    fn drop(&mut self) {
        self.questions = None;
        if let Some(thread) = self.thread.take() {
            // A thread that panicked has said so itself.
            let _panicked = thread.join();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn when_too_many_questions_wait_the_next_is_told_so_and_the_others_are_answered() {
        let reader = Reader::start(Connection::open_in_memory().expect("memory")).expect("a thread");
        let (go_on, waits) = std::sync::mpsc::channel::<()>();
        let (begun, has_begun) = std::sync::mpsc::channel();
        let runtime = tokio::runtime::Builder::new_current_thread().build().expect("a runtime");
        runtime.block_on(async {
            let slow = reader.ask(move |_| {
                begun.send(()).expect("the test waits");
                waits.recv().expect("the test goes on");
                Ok(0)
            });
            let mut slow = std::pin::pin!(slow);
            assert!(futures_util::poll!(&mut slow).is_pending());
            has_begun.recv().expect("the thread works");
            let mut waiting: Vec<_> =
                (1..=WAITING_MAX).map(|number| Box::pin(reader.ask(move |_| Ok(number)))).collect();
            for question in &mut waiting {
                assert!(futures_util::poll!(question).is_pending());
            }
            let one_more = reader.ask(|_| Ok(0)).await;
            assert!(one_more.is_err_and(|away| away.what.contains("too many questions")));
            go_on.send(()).expect("the thread waits");
            assert_eq!(slow.await.expect("it is answered"), 0);
            for (question, number) in waiting.into_iter().zip(1..) {
                assert_eq!(question.await.expect("it is answered"), number);
            }
        });
    }
}
