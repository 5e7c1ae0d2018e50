//! What `run` does: any compiled model, any rows.

use std::io::{self, BufRead, BufReader};
use std::path::Path;

use dollarbill_ml::any_model::answer_stream;
use dollarbill_ml::artifact::Place;
use dollarbill_ml::live_log::LogSettings;
use dollarbill_ml::trust::Trust;
use dollarbill_ml::{Config, Error, Model, open_rows};

use crate::commands::{LOG_PATIENCE, say_losses};
use crate::out::{Progress, print, write_whole};

pub(crate) fn run(
    (place, trust, log): (Place, Trust, Option<LogSettings>),
    folder: &Path,
    rows: Option<&str>,
    output: Option<&Path>,
) -> Result<(), Error> {
    // The file first: a mistake in it should not wait for the model.
    let input = rows.map(open).transpose()?;
    // One process, one thread: more sessions would only cost start-up time.
    let options = Model::options().lanes(1).place(place).trust(trust);
    let options = match log.filter(|_| input.is_some()) {
        Some(log) => options.log(log),
        None => options,
    };
    let model = options.open(folder)?;
    let Some((name, input)) = input else { return print(&model.signature().to_string()) };
    let mut progress = Progress::new();
    write_whole(output, |out| answer_stream(&model, input, out, &name, |rows| progress.show(rows)))?;
    progress.finish();
    say_losses(model.flush_log(LOG_PATIENCE), model.log_health().as_ref());
    Ok(())
}

/// Whose versions are served, and where answers are logged: what the config says, where there is one.
pub(crate) fn trust_and_log(named: Option<&Path>) -> Result<(Trust, Option<LogSettings>), Error> {
    match Config::find(named) {
        Ok(config) => Ok((config.trust, config.log)),
        Err(Error::ConfigMissing { .. }) => Ok((Trust::default(), None)),
        Err(error) => Err(error),
    }
}

/// The rows and what to call them: stdin, JSON as it stands, or a file.
fn open(rows: &str) -> Result<(String, Box<dyn BufRead>), Error> {
    if rows == "-" {
        return Ok(("stdin".to_owned(), Box::new(BufReader::new(io::stdin().lock()))));
    }
    if rows.trim_start().starts_with(['{', '[']) {
        return Ok(("arguments".to_owned(), Box::new(io::Cursor::new(rows.to_owned().into_bytes()))));
    }
    if rows.is_empty() {
        let reason = "an empty text is no rows; give a file, `-` for stdin, or JSON".to_owned();
        return Err(Error::Rows { place: "arguments".to_owned(), reason });
    }
    Ok((rows.to_owned(), open_rows(Path::new(rows))?))
}
