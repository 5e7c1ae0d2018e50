//! Reading and writing on one thread while another answers: parsing takes about as long as the model does.

use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;

use crate::error::Error;
use crate::models::signal_classifier::answer::Classification;
use crate::models::signal_classifier::signal::TradeSignal;
use crate::service::ml_service::MlService;

/// Rows that are answered at a time.
pub(crate) const CHUNK: usize = 4096;
/// Chunks in memory: one is read, one answered, one written.
const CHUNKS: usize = 3;

/// Rows as they were given, the signals in them, and the answers; one place is one row in each.
pub(crate) struct Chunk<R> {
    /// As many as were read into it at most: those beyond `signals` are of an earlier use, and kept for their memory.
    pub(crate) given: Vec<R>,
    pub(crate) signals: Vec<TradeSignal>,
    /// The number of each row, as an error names it.
    pub(crate) rows: Vec<u64>,
    pub(crate) answers: Vec<Classification>,
}

impl<R> Chunk<R> {
    fn new() -> Self {
        Self { given: Vec::new(), signals: Vec::new(), rows: Vec::new(), answers: Vec::new() }
    }
}

/// Fills chunks, has them answered on another thread, and hands them to `write` in the order in which they were read.
///
/// `read` leaves a chunk without signals at the end; with an error, the rows before it are answered and written first.
///
/// # Errors
/// That of `read` or `write`, or [`Error::Signal`] of the service, named by `place_of` the row; the first in the order
/// of the rows.
pub(crate) fn answered<R: Send + Default + Clone>(
    service: &MlService,
    mut read: impl FnMut(&mut Chunk<R>) -> Result<(), Error>,
    place_of: impl Fn(u64) -> String,
    mut write: impl FnMut(&Chunk<R>) -> Result<(), Error>,
) -> Result<(), Error> {
    type Answered<R> = (Chunk<R>, Result<(), Error>);
    let mut finish = |(chunk, done): Answered<R>| -> Result<Chunk<R>, Error> {
        done.map_err(|error| match error {
            // Every signal is within the contract's limits already; the manifest's may be narrower.
            Error::Signal { place, reason } => {
                let index = place.rsplit(' ').next().and_then(|text| text.parse::<usize>().ok()).unwrap_or(0);
                Error::Signal { place: place_of(chunk.rows.get(index).copied().unwrap_or_default()), reason }
            }
            other => other,
        })?;
        write(&chunk)?;
        Ok(chunk)
    };
    thread::scope(|scope| {
        let (ask, asked): (SyncSender<Chunk<R>>, Receiver<Chunk<R>>) = sync_channel(CHUNKS);
        let (answer, answers): (SyncSender<Answered<R>>, Receiver<Answered<R>>) = sync_channel(CHUNKS);
        scope.spawn(move || {
            for mut chunk in asked {
                let done = service.classify_batch(&chunk.signals, &mut chunk.answers);
                if answer.send((chunk, done)).is_err() {
                    return;
                }
            }
        });
        let mut free: Vec<Chunk<R>> = (0..CHUNKS).map(|_| Chunk::new()).collect();
        let ended = loop {
            let mut chunk = match free.pop() {
                Some(chunk) => chunk,
                None => match answers.recv() {
                    Ok(answered) => finish(answered)?,
                    Err(_) => break Ok(()),
                },
            };
            chunk.given.resize(CHUNK, R::default());
            chunk.signals.clear();
            chunk.rows.clear();
            let read = read(&mut chunk);
            let last = read.is_err() || chunk.signals.is_empty();
            if !chunk.signals.is_empty() && ask.send(chunk).is_err() {
                break read;
            }
            if last {
                break read;
            }
            // What is answered by now need not wait.
            while let Ok(answered) = answers.try_recv() {
                free.push(finish(answered)?);
            }
        };
        drop(ask);
        for answered in answers {
            finish(answered)?;
        }
        ended
    })
}
