//! The curves of a run: cost and delay over the number of viewers, as an SVG that a page of the docs can show.

use std::fmt::Write as _;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use serde::Deserialize;

/// Most curves in one picture: more cannot be told apart.
const MAX_CURVES: usize = 6;
const COLOURS: [&str; MAX_CURVES] = ["#c2410c", "#0369a1", "#15803d", "#7c3aed", "#57534e", "#be185d"];

const WIDTH: f64 = 860.0;
const HEIGHT: f64 = 340.0;
/// Of one of the two panels, without its axes.
const PANEL: (f64, f64) = (330.0, 240.0);
const TOP: f64 = 40.0;

/// What is drawn of a line of `--json`.
#[derive(Debug, Deserialize)]
struct Point {
    case: String,
    peer: String,
    protocol: String,
    viewers: f64,
    cpu_s_per_gb: Option<f64>,
    latency_p99_ms: Option<f64>,
    invalid: Option<String>,
}

#[derive(Debug)]
struct Curve<'a> {
    name: String,
    points: Vec<&'a Point>,
}

/// Draws what `bench run --json` wrote to `from`.
pub(crate) fn draw(from: &Path, to: &Path) -> Result<()> {
    let text = std::fs::read_to_string(from).with_context(|| from.display().to_string())?;
    let points = text.lines().filter_map(|line| serde_json::from_str::<Point>(line).ok());
    let points: Vec<Point> = points.filter(|point| point.case == "run" && point.invalid.is_none()).collect();
    ensure!(!points.is_empty(), "{} has no valid measurement of `bench run`", from.display());
    std::fs::write(to, svg(&curves(&points))).with_context(|| to.display().to_string())
}

fn curves(points: &[Point]) -> Vec<Curve<'_>> {
    let mut curves: Vec<Curve<'_>> = Vec::new();
    for point in points {
        // The floor is the same bytes over either protocol.
        let name = match point.peer.split_once(':') {
            Some((floor, "0")) => format!("{floor}, per message"),
            Some((floor, every)) => format!("{floor}, every {every} ms"),
            None => format!("{} {}", point.peer, point.protocol),
        };
        match curves.iter().position(|curve| curve.name == name) {
            Some(at) => curves[at].points.push(point),
            None if curves.len() < MAX_CURVES => curves.push(Curve { name, points: vec![point] }),
            None => {}
        }
    }
    for curve in &mut curves {
        curve.points.sort_by(|a, b| a.viewers.total_cmp(&b.viewers));
    }
    curves
}

/// A logarithmic axis in steps of ten.
#[derive(Debug, Clone, Copy)]
struct Axis {
    low: f64,
    high: f64,
}

impl Axis {
    fn of(values: impl Iterator<Item = f64> + Clone) -> Axis {
        let low = values.clone().fold(f64::MAX, f64::min).log10().floor();
        let high = values.fold(f64::MIN_POSITIVE, f64::max).log10().ceil();
        Axis { low, high: high.max(low + 1.0) }
    }

    /// Where on the axis, from 0 to 1.
    fn place(self, value: f64) -> f64 {
        (value.log10() - self.low) / (self.high - self.low)
    }

    /// The values that are written at it.
    fn marks(self) -> impl Iterator<Item = f64> {
        let steps = (self.high - self.low).round();
        (0..16)
            .map(f64::from)
            .take_while(move |step| *step <= steps)
            .map(move |step| 10_f64.powf(self.low + step))
    }
}

fn svg(curves: &[Curve<'_>]) -> String {
    let mut out = format!(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {WIDTH} {HEIGHT}\" font-family=\"sans-serif\" font-size=\"12\">\n\
         <rect width=\"{WIDTH}\" height=\"{HEIGHT}\" fill=\"#fff\"/>\n"
    );
    panel(&mut out, 60.0, "CPU-s/GB", curves, |point| point.cpu_s_per_gb);
    panel(&mut out, 500.0, "latency p99, ms", curves, |point| point.latency_p99_ms);
    for (index, (curve, colour)) in curves.iter().zip(COLOURS).enumerate() {
        let x = 60.0 + 195.0 * index as f64;
        let y = HEIGHT - 14.0;
        let _ = writeln!(
            out,
            "<rect x=\"{x}\" y=\"{}\" width=\"14\" height=\"4\" fill=\"{colour}\"/><text x=\"{}\" y=\"{y}\">{}</text>",
            y - 6.0,
            x + 19.0,
            curve.name
        );
    }
    out.push_str("</svg>\n");
    out
}

fn panel(out: &mut String, left: f64, title: &str, curves: &[Curve<'_>], value: fn(&Point) -> Option<f64>) {
    let all = || curves.iter().flat_map(|curve| &curve.points);
    let across = Axis::of(all().map(|point| point.viewers));
    let up = Axis::of(all().filter_map(|point| value(point)).filter(|value| *value > 0.0));
    let x = |value: f64| left + PANEL.0 * across.place(value);
    let y = |value: f64| TOP + PANEL.1 * (1.0 - up.place(value));
    let (right, bottom) = (left + PANEL.0, TOP + PANEL.1);
    let _ = writeln!(out, "<text x=\"{left}\" y=\"{}\" font-weight=\"bold\">{title}</text>", TOP - 16.0);
    for mark in up.marks() {
        let (y, label) = (y(mark), mark);
        let _ = writeln!(
            out,
            "<path d=\"M{left} {y:.1}H{right}\" stroke=\"#ddd\"/><text x=\"{}\" y=\"{:.1}\" text-anchor=\"end\">{label}</text>",
            left - 6.0,
            y + 4.0
        );
    }
    for mark in across.marks() {
        let _ = writeln!(
            out,
            "<path d=\"M{:.1} {TOP}V{bottom}\" stroke=\"#ddd\"/><text x=\"{:.1}\" y=\"{}\" text-anchor=\"middle\">{mark}</text>",
            x(mark),
            x(mark),
            bottom + 16.0
        );
    }
    let _ = writeln!(out, "<text x=\"{right}\" y=\"{}\" text-anchor=\"end\">viewers</text>", bottom + 31.0);
    for (curve, colour) in curves.iter().zip(COLOURS) {
        let places = curve.points.iter().filter_map(|point| {
            let value = value(point).filter(|value| *value > 0.0)?;
            Some(format!("{:.1},{:.1}", x(point.viewers), y(value)))
        });
        let places: Vec<String> = places.collect();
        let _ = writeln!(
            out,
            "<polyline points=\"{}\" fill=\"none\" stroke=\"{colour}\" stroke-width=\"2\"/>",
            places.join(" ")
        );
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_valid_measurement_is_a_place_on_its_curve() {
        let line = |peer: &str, viewers: u32, cost: &str, invalid: &str| {
            format!(
                "{{\"case\":\"run\",\"peer\":\"{peer}\",\"protocol\":\"rtmp\",\"viewers\":{viewers},\
                 \"cpu_s_per_gb\":{cost},\"latency_p99_ms\":10.0,\"invalid\":{invalid}}}"
            )
        };
        let text = [
            line("weir", 1000, "1.0", "null"),
            line("weir", 1, "10.0", "null"),
            line("weir", 10, "null", "null"),
            line("weir", 100, "2.0", "\"the tool was full\""),
            line("floor:100", 1000, "0.5", "null"),
        ];
        let points: Vec<Point> = text.iter().map(|line| serde_json::from_str(line).unwrap()).collect();
        let points: Vec<Point> = points.into_iter().filter(|point| point.invalid.is_none()).collect();
        let curves = curves(&points);
        assert_eq!(curves.iter().map(|curve| curve.points.len()).collect::<Vec<_>>(), [3, 1]);
        assert_eq!(curves[1].name, "floor, every 100 ms");
        let svg = svg(&curves);
        // Of the first curve one has no cost; both ends of ten times the viewers and the cost are corners of the panel.
        assert!(svg.contains("points=\"60.0,40.0 390.0,160.0\""), "{svg}");
    }
}
