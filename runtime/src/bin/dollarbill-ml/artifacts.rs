//! What the commands for makers of artifacts do.

use std::fs::File;
use std::io::{self, BufReader, BufWriter, Read, Write};
use std::path::{Path, PathBuf};

use dollarbill_ml::artifact::{self, Evaluator, Place};
use dollarbill_ml::trust::{Trust, verify};
use dollarbill_ml::{Config, Error, live_log};

use crate::out::{cannot, create, print};

/// Rows that `evaluate` holds in memory.
const EVALUATE_CHUNK: usize = 8192;

pub(crate) fn check(named: Option<&Path>, path: Option<PathBuf>, chosen: impl Fn(Place) -> Place) -> Result<(), Error> {
    // A path may lead to a candidate, which is signed when it comes into use; the config leads to what is served.
    let (place, paths, trust, log) = if let Some(path) = path {
        (Place::find(named)?, artifact::installed(&path)?, Trust::default(), None)
    } else {
        let config = Config::find(named)?;
        let models = config.models.values();
        let paths = models.filter(|model| model.enabled).map(|model| model.model_path.clone()).collect();
        (Place::of(&config), paths, config.trust, config.log)
    };
    let place = chosen(place);
    if paths.is_empty() {
        let _ = writeln!(io::stderr(), "nothing to check: the config switches every model off");
    }
    let mut failures = Vec::new();
    for path in paths {
        match artifact::check_trusted(&path, &place, &trust) {
            Ok(found) => print(&format!(
                "{} {}: in parity, {} golden cases, largest difference {:e}; engine {}: {}\n",
                found.model, found.version, found.cases, found.largest_difference, found.engine, found.why
            ))?,
            Err(error) => failures.push(error),
        }
    }
    if let Some(log) = log {
        let found = live_log::check(&log.path)?;
        print(&format!(
            "log {}: {} answers in {} files; missing: {} dropped, {} lost; broken lines: {}\n",
            found.path.display(),
            found.rows,
            found.files,
            found.dropped,
            found.lost,
            found.broken
        ))?;
    }
    // The last decides the exit code: what could not be checked weighs more than what is not in parity.
    failures.sort_by_key(|error| !matches!(error, Error::Parity { .. }));
    let last = failures.pop();
    for error in failures {
        let _ = writeln!(io::stderr(), "error: {error}");
    }
    last.map_or(Ok(()), Err)
}

pub(crate) fn check_signature(path: &Path, signature: &Path, trust: &Trust, ignore: bool) -> Result<(), Error> {
    let found = verify(path, signature, trust, ignore)?;
    print(&format!("{}: {} files as signed by {}\n", found.name, found.files.len(), found.key.display()))
}

pub(crate) fn evaluate(place: &Place, version: &Path, input: &Path, output: &Path) -> Result<(), Error> {
    const SIZE: usize = size_of::<f64>();
    let evaluator = Evaluator::open(version, place)?;
    if input.extension().is_some_and(|ending| ending == "json") {
        let mut file = create(output)?;
        let answers = evaluator.evaluate_json(input)? + "\n";
        file.write_all(answers.as_bytes()).map_err(|source| cannot("write", output, source))?;
        return file.commit();
    }
    if !evaluator.is_flat() {
        let reason =
            "the model takes or gives texts or has a free axis: name an input that ends in .json, of the form \
                      of a golden case's inputs; `dollarbill-ml run` serves it"
                .to_owned();
        return Err(Error::Rows { place: version.display().to_string(), reason });
    }
    let file = File::open(input).map_err(|source| cannot("read", input, source))?;
    let found = file.metadata().map_err(|source| cannot("read", input, source))?;
    if !found.is_file() {
        let reason = "is no regular file, so that its length is not known".to_owned();
        return Err(Error::Rows { place: input.display().to_string(), reason });
    }
    let bytes = found.len();
    let row = (evaluator.row_width() * SIZE) as u64;
    if bytes % row != 0 {
        let reason = format!("holds {bytes} bytes, which is no whole number of rows of {row} bytes");
        return Err(Error::Rows { place: input.display().to_string(), reason });
    }
    let mut reader = BufReader::with_capacity(1 << 20, file);
    let mut writer = BufWriter::with_capacity(1 << 20, create(output)?);
    let mut left = usize::try_from(bytes / row).unwrap_or(usize::MAX);
    let mut buffer = Vec::new();
    let (mut rows, mut answers) = (Vec::new(), Vec::new());
    while left > 0 {
        let count = left.min(EVALUATE_CHUNK);
        left -= count;
        buffer.resize(count * evaluator.row_width() * SIZE, 0);
        reader.read_exact(&mut buffer).map_err(|source| cannot("read", input, source))?;
        rows.clear();
        rows.extend(buffer.chunks_exact(SIZE).map(|bytes| f64::from_le_bytes(bytes.try_into().unwrap_or_default())));
        answers.resize(count * evaluator.answer_width(), 0.0);
        evaluator.evaluate(&rows, &mut answers)?;
        for answer in &answers {
            writer.write_all(&answer.to_le_bytes()).map_err(|source| cannot("write", output, source))?;
        }
    }
    let file = writer.into_inner().map_err(|error| cannot("write", output, error.into_error()))?;
    file.commit()
}
