//! What the commands on option chains do.

use std::io::{self, Write};
use std::path::{Path, PathBuf};

use dollarbill_ml::chain::{self, Chain, ChainQuote, ChainReading};
use dollarbill_ml::surface::{OptionKind, Reading};
use dollarbill_ml::{Config, Error, MlService, VolatilityForecast};
use serde_json::json;

use crate::out::{cannot, write_whole};

const SIGNAL_COLUMNS: &str = "symbol,contract,date,expiry,strike,option_type,bid,ask,iv,model_iv,edge_percent,delta,gamma,vega,\
                              theta,volume,open_interest,days_to_expiry";

/// What `signals` was asked for.
pub(crate) struct Asked {
    pub(crate) file: PathBuf,
    pub(crate) output: Option<PathBuf>,
    pub(crate) model_iv: Option<String>,
    pub(crate) json: bool,
    pub(crate) reading: ChainReading,
}

/// Where the model's volatilities come from.
enum Model {
    Number(f64),
    Column,
    Forecast(Box<VolatilityForecast>),
}

impl Model {
    fn of(config: impl FnOnce() -> Result<Config, Error>, asked: &Asked) -> Result<Self, Error> {
        match &asked.model_iv {
            Some(text) => Ok(text.parse::<f64>().map_or(Self::Column, Self::Number)),
            None => Ok(Self::Forecast(Box::new(forecast(&config()?, asked)?))),
        }
    }

    /// Decimal a year; at the edge of the forecast grid beyond it.
    fn volatility(&self, quote: &ChainQuote, spot: f64) -> Option<f64> {
        match self {
            Self::Number(volatility) => Some(*volatility),
            Self::Column => Some(quote.model_iv),
            Self::Forecast(forecast) => {
                let surface = forecast.surface.as_ref()?;
                let (tenors, nodes) = (&surface.tenor_days, &surface.moneyness);
                let tenor = (quote.expiry.years * 365.0).clamp(f64::from(*tenors.first()?), f64::from(*tenors.last()?));
                let moneyness = (quote.strike / spot).clamp(*nodes.first()?, *nodes.last()?);
                surface.implied_vol(forecast.horizon, tenor, moneyness)
            }
        }
    }
}

fn forecast(config: &Config, asked: &Asked) -> Result<VolatilityForecast, Error> {
    let (path, reading) = (&asked.file, &asked.reading);
    let todo = "give the model's volatility with --model-iv NUMBER or --model-iv COLUMN";
    let service = MlService::open_volatility(config)?;
    let wanted = Reading { symbol: reading.symbol.clone(), accept: reading.accept, calendar: None };
    let forecast = service.forecast_file_as(path, reading.date, &wanted).map_err(|error| match error {
        Error::Days { place, needed, known, todo: more } => {
            Error::Days { place, needed, known, todo: format!("{todo}, or {more}") }
        }
        other => other,
    })?;
    if forecast.surface.is_none() {
        let cause = forecast.warnings.first().cloned().unwrap_or_else(|| "the model gives no surface".to_owned());
        return Err(Error::Surface { path: path.clone(), reason: format!("{cause}; {todo}") });
    }
    Ok(forecast)
}

fn said(chain: &Chain) {
    for line in chain.said() {
        let _ = writeln!(io::stderr(), "note: {line}");
    }
}

pub(crate) fn signals(config: impl FnOnce() -> Result<Config, Error>, asked: &Asked) -> Result<(), Error> {
    let mut reading = asked.reading.clone();
    reading.model_iv = asked.model_iv.clone().filter(|text| text.parse::<f64>().is_err());
    if let Some(wrong) = asked.model_iv.as_ref().and_then(|text| text.parse::<f64>().ok())
        && !(wrong > 0.0 && wrong <= 5.0)
    {
        let reason = format!("--model-iv {wrong}: must be a volatility as a decimal (0.25 is 25 %), above 0 to 5");
        return Err(Error::Surface { path: asked.file.clone(), reason });
    }
    let chain = chain::read(&asked.file, &reading)?;
    said(&chain);
    let model = Model::of(config, asked)?;
    let newest = chain.days.len().saturating_sub(1);
    let days = if matches!(model, Model::Forecast(_)) { &chain.days[newest..] } else { &chain.days[..] };
    if let (Model::Forecast(forecast), Some(day)) = (&model, days.first()) {
        let (date, horizon) = (day.date, forecast.horizon);
        let _ = writeln!(
            io::stderr(),
            "{}: signals of {date}, edge against the forecast {horizon} days ahead",
            chain.symbol
        );
    }
    let json = asked.json || asked.output.as_deref().is_some_and(says_json);
    let mut counts = (0, 0);
    write_whole(asked.output.as_deref(), |out| {
        let mut text = if json { String::new() } else { format!("{SIGNAL_COLUMNS}\n") };
        for day in days {
            let signals = day.signals(|quote| model.volatility(quote, day.spot));
            counts = (counts.0 + signals.len(), counts.1 + day.quotes.len() - signals.len());
            for signal in signals {
                write_row(&mut text, &chain.symbol, &signal, json);
                if text.len() > 1 << 16 {
                    out.write_all(text.as_bytes()).map_err(|source| cannot("write", "stdout", source))?;
                    text.clear();
                }
            }
        }
        if counts.0 == 0 {
            let reason = "no tradeable quote gives a signal".to_owned();
            return Err(Error::Surface { path: asked.file.clone(), reason });
        }
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|source| cannot("write", "stdout", source))
    })?;
    let (written, none) = counts;
    let _ = writeln!(io::stderr(), "{written} signals; {none} quotes without a volatility or outside of the limits");
    Ok(())
}

fn says_json(path: &Path) -> bool {
    let name = path.to_string_lossy().to_ascii_lowercase();
    [".json", ".ndjson", ".jsonl", ".json.gz", ".ndjson.gz", ".jsonl.gz"].iter().any(|end| name.ends_with(end))
}

fn write_row(text: &mut String, symbol: &str, one: &chain::ChainSignal, json: bool) {
    use std::fmt::Write;
    let (quote, s) = (&one.quote, &one.signal);
    let kind = if quote.kind == OptionKind::Call { "Call" } else { "Put" };
    let (contract, date, expiry) = (one.contract(symbol), one.date, quote.expiry.date);
    let known = |value: f64| if value.is_finite() { format!("{value:?}") } else { String::new() };
    if json {
        let number = |value: f64| if value.is_finite() { json!(value) } else { json!(null) };
        let row = json!({
            "symbol": symbol, "contract": contract, "date": date.to_string(), "expiry": expiry.to_string(),
            "strike": quote.strike, "option_type": kind, "bid": number(quote.bid), "ask": number(quote.ask),
            "iv": quote.iv, "model_iv": one.model_iv, "edge_percent": s.edge_percent, "delta": s.delta,
            "gamma": s.gamma, "vega": s.vega, "theta": s.theta, "volume": s.volume,
            "open_interest": s.open_interest, "days_to_expiry": s.days_to_expiry,
        });
        let _ = writeln!(text, "{row}");
        return;
    }
    let _ = writeln!(
        text,
        "{symbol},{contract},{date},{expiry},{:?},{kind},{},{},{:?},{:?},{:?},{:?},{:?},{:?},{:?},{},{},{}",
        quote.strike,
        known(quote.bid),
        known(quote.ask),
        quote.iv,
        one.model_iv,
        s.edge_percent,
        s.delta,
        s.gamma,
        s.vega,
        s.theta,
        s.volume,
        s.open_interest,
        s.days_to_expiry
    );
}

/// The dated surface file of a chain.
pub(crate) fn surface(file: &Path, output: Option<&Path>, reading: &ChainReading) -> Result<(), Error> {
    use std::fmt::Write;
    let chain = chain::read(file, reading)?;
    if chain.days.iter().all(|day| day.surface().is_empty()) {
        let reason = ["no quote is left".to_owned()].into_iter().chain(chain.said()).collect::<Vec<_>>().join("; ");
        return Err(Error::Surface { path: file.to_path_buf(), reason });
    }
    said(&chain);
    let mut text = "Date,Symbol,Strike,TimeToExpiry,ImpliedVol,Moneyness,OptionType,Volume\n".to_owned();
    for day in &chain.days {
        for quote in day.surface() {
            let kind = if quote.kind == OptionKind::Call { "Call" } else { "Put" };
            let volume = quote.volume.map(|volume| format!("{volume:?}")).unwrap_or_default();
            let (strike, moneyness) = (quote.strike, quote.strike / day.spot);
            let _ = writeln!(
                text,
                "{},{},{strike:?},{:?},{:?},{moneyness:?},{kind},{volume}",
                day.date, chain.symbol, quote.years, quote.implied_volatility
            );
        }
    }
    write_whole(output, |out| {
        out.write_all(text.as_bytes()).and_then(|()| out.flush()).map_err(|source| cannot("write", "stdout", source))
    })
}
