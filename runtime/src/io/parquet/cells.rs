//! One value of Parquet as the text of a cell.

use std::fmt::Write;

use jiff::civil::{Date, DateTime};
use jiff::tz::{Offset, TimeZone};
use jiff::{SignedDuration, Timestamp};
use parquet::basic::{ConvertedType, LogicalType, TimeUnit, Type as Physical};
use parquet::schema::types::ColumnDescriptor;

const EPOCH: Date = jiff::civil::date(1970, 1, 1);
/// Digits of the whole numbers that decimals are made of.
const BYTES_OF_DECIMAL: usize = 16;

/// What the values of a column mean.
#[derive(Debug, Clone)]
pub(super) enum Meaning {
    Plain,
    Unsigned,
    Text,
    Day,
    /// Parts of a second, as so many digits.
    Clock(usize),
    /// Without a zone: the clock of the writer.
    Moment(usize),
    Zoned(usize, TimeZone, bool),
    Decimal(usize),
    Half,
}

impl Meaning {
    /// Of a column; `zone` is that of its moments.
    pub(super) fn of(column: &ColumnDescriptor, zone: Option<&(TimeZone, bool)>) -> Self {
        let scale = |scale: i32| usize::try_from(scale).map_or(Self::Plain, Self::Decimal);
        let moment = |digits, adjusted: bool| match zone {
            Some((zone, utc)) if adjusted => Self::Zoned(digits, zone.clone(), *utc),
            _ => Self::Moment(digits),
        };
        match column.logical_type_ref() {
            Some(LogicalType::Date) => return Self::Day,
            Some(LogicalType::Time(time)) => return Self::Clock(digits(time.unit)),
            Some(LogicalType::Timestamp(time)) => return moment(digits(time.unit), time.is_adjusted_to_u_t_c),
            Some(LogicalType::Decimal(decimal)) => return scale(decimal.scale),
            Some(LogicalType::Integer(whole)) if !whole.is_signed => return Self::Unsigned,
            Some(LogicalType::Float16) => return Self::Half,
            _ => {}
        }
        match (column.converted_type(), column.physical_type()) {
            (ConvertedType::DATE, _) => Self::Day,
            (ConvertedType::TIME_MILLIS, _) => Self::Clock(3),
            (ConvertedType::TIME_MICROS, _) => Self::Clock(6),
            (ConvertedType::TIMESTAMP_MILLIS, _) => Self::Moment(3),
            (ConvertedType::TIMESTAMP_MICROS, _) => Self::Moment(6),
            (ConvertedType::DECIMAL, _) => scale(column.type_scale()),
            (ConvertedType::UINT_8 | ConvertedType::UINT_16 | ConvertedType::UINT_32 | ConvertedType::UINT_64, _) => {
                Self::Unsigned
            }
            (_, Physical::INT96) => Self::Moment(9),
            (_, Physical::BYTE_ARRAY | Physical::FIXED_LEN_BYTE_ARRAY) => Self::Text,
            _ => Self::Plain,
        }
    }
}

fn digits(unit: TimeUnit) -> usize {
    match unit {
        TimeUnit::MILLIS => 3,
        TimeUnit::MICROS => 6,
        TimeUnit::NANOS => 9,
    }
}

/// A whole number; `bits` says of how many bits, where it is unsigned.
pub(super) fn whole(text: &mut String, value: i64, bits: u32, meaning: &Meaning) -> Option<()> {
    let done = match meaning {
        Meaning::Unsigned if bits == 32 => {
            write!(text, "{}", u32::from_le_bytes(i32::try_from(value).ok()?.to_le_bytes()))
        }
        Meaning::Unsigned => write!(text, "{}", u64::from_le_bytes(value.to_le_bytes())),
        Meaning::Day => write!(text, "{}", day(value)?),
        Meaning::Clock(digits) => clock(text, value, *digits),
        Meaning::Moment(digits) => moment(text, value, *digits, None)?,
        Meaning::Zoned(digits, zone, utc) => moment(text, value, *digits, Some((zone, *utc)))?,
        Meaning::Decimal(scale) => decimal(text, i128::from(value), *scale),
        _ => write!(text, "{value}"),
    };
    done.ok()
}

/// A moment of Spark's and Hive's old files.
pub(super) fn moment_of_96(text: &mut String, nanoseconds: i64, day: u32) -> Option<()> {
    // Days since the Julian epoch.
    let days = i64::from(day) - 2_440_588;
    let whole = days.checked_mul(86_400_000_000_000)?.checked_add(nanoseconds)?;
    moment(text, whole, 9, None)?.ok()
}

/// The shortest decimal that gives the number back.
pub(super) fn float(text: &mut String, value: f64) -> Option<()> {
    let plain = value.fract() == 0.0 && value.abs() < 1e15;
    if plain { write!(text, "{value}") } else { write!(text, "{value:?}") }.ok()
}

/// As [`float`], of the shorter type.
pub(super) fn short_float(text: &mut String, value: f32) -> Option<()> {
    let plain = value.fract() == 0.0 && value.abs() < 1e10;
    if plain { write!(text, "{value}") } else { write!(text, "{value:?}") }.ok()
}

/// A text, a decimal, or a float of two bytes.
pub(super) fn bytes(text: &mut String, value: &[u8], meaning: &Meaning) -> Option<()> {
    match meaning {
        Meaning::Decimal(scale) => {
            if value.is_empty() || value.len() > BYTES_OF_DECIMAL {
                return None;
            }
            let first = if value[0] & 0x80 == 0 { 0_i128 } else { -1 };
            let number = value.iter().fold(first, |number, byte| (number << 8) | i128::from(*byte));
            decimal(text, number, *scale).ok()
        }
        Meaning::Half => float(text, half(u16::from_le_bytes(value.try_into().ok()?))),
        _ => {
            text.push_str(std::str::from_utf8(value).ok()?);
            Some(())
        }
    }
}

fn half(bits: u16) -> f64 {
    let (exponent, rest) = (i32::from(bits >> 10 & 0x1f), f64::from(bits & 0x3ff));
    let size = match exponent {
        0 => rest * 2_f64.powi(-24),
        31 if rest == 0.0 => f64::INFINITY,
        31 => f64::NAN,
        _ => (1024.0 + rest) * 2_f64.powi(exponent - 25),
    };
    if bits & 0x8000 == 0 { size } else { -size }
}

fn day(days: i64) -> Option<Date> {
    EPOCH.checked_add(SignedDuration::from_hours(days.checked_mul(24)?)).ok()
}

fn clock(text: &mut String, value: i64, digits: usize) -> std::fmt::Result {
    let second = parts(digits);
    let (seconds, part) = (value.div_euclid(second), value.rem_euclid(second));
    let (hours, minutes) = (seconds / 3600, seconds / 60 % 60);
    write!(text, "{hours:02}:{minutes:02}:{:02}.{part:0digits$}", seconds % 60)
}

/// Parts of a second.
fn parts(digits: usize) -> i64 {
    [1_000, 1_000_000, 1_000_000_000][digits / 3 - 1]
}

fn moment(text: &mut String, value: i64, digits: usize, zone: Option<(&TimeZone, bool)>) -> Option<std::fmt::Result> {
    let second = parts(digits);
    let (seconds, part) = (value.div_euclid(second), value.rem_euclid(second));
    let moment = Timestamp::from_second(seconds).ok()?;
    let offset = zone.map_or(Offset::UTC, |(zone, _)| zone.to_offset(moment));
    let clock: DateTime = offset.to_datetime(moment);
    let (date, time) = (clock.date(), clock.time());
    let written = write!(text, "{date} {:02}:{:02}:{:02}.{part:0digits$}", time.hour(), time.minute(), time.second());
    Some(written.and_then(|()| match zone {
        None => Ok(()),
        Some((_, true)) => write!(text, "Z"),
        Some(_) => {
            let (sign, minutes) = (if offset.seconds() < 0 { '-' } else { '+' }, offset.seconds().abs() / 60);
            write!(text, "{sign}{:02}{:02}", minutes / 60, minutes % 60)
        }
    }))
}

fn decimal(text: &mut String, value: i128, scale: usize) -> std::fmt::Result {
    let digits = format!("{:0width$}", value.unsigned_abs(), width = scale + 1);
    let (whole, part) = digits.split_at(digits.len() - scale);
    let (sign, point) = (if value < 0 { "-" } else { "" }, if scale > 0 { "." } else { "" });
    write!(text, "{sign}{whole}{point}{part}")
}
