//! The text format of Prometheus, version 0.0.4.

use std::fmt::{Display, Write as _};

use super::family::{Family, Kind};
use super::histogram::Histogram;

/// The media type of what [`Text`] writes.
pub(super) const MEDIA_TYPE: &str = "text/plain; version=0.0.4; charset=utf-8";

/// Families in the order in which they are written.
#[derive(Debug, Default)]
pub(super) struct Text {
    out: String,
}

/// The samples of one family.
#[derive(Debug)]
pub(super) struct Samples<'t> {
    out: &'t mut String,
    name: &'static str,
}

impl Text {
    /// Begins a family: once each, as the format wants.
    pub(super) fn family(&mut self, family: &'static Family) -> Samples<'_> {
        let kind = match family.kind {
            Kind::Counter => "counter",
            Kind::Gauge => "gauge",
            Kind::Histogram => "histogram",
        };
        let (name, help) = (family.name, family.help.replace('\\', "\\\\").replace('\n', "\\n"));
        // Writing to a string cannot fail.
        let _ = write!(self.out, "# HELP {name} {help}\n# TYPE {name} {kind}\n");
        Samples { out: &mut self.out, name }
    }

    /// All that was written.
    pub(super) fn finish(self) -> String {
        self.out
    }
}

impl Samples<'_> {
    /// The only sample of a family without labels.
    pub(super) fn only(&mut self, value: impl Display) {
        self.sample("", &[], value);
    }

    /// One sample.
    pub(super) fn with(&mut self, labels: &[(&str, &str)], value: impl Display) {
        self.sample("", labels, value);
    }

    /// The samples of a histogram.
    pub(super) fn histogram(&mut self, histogram: &Histogram) {
        for (bound, count) in histogram.cumulative() {
            let bound = bound.map_or_else(|| "+Inf".to_owned(), |bound| bound.to_string());
            self.sample("_bucket", &[("le", &bound)], count);
        }
        self.sample("_sum", &[], histogram.sum());
        self.sample("_count", &[], histogram.count());
    }

    fn sample(&mut self, suffix: &str, labels: &[(&str, &str)], value: impl Display) {
        self.out.push_str(self.name);
        self.out.push_str(suffix);
        for (number, (label, text)) in labels.iter().enumerate() {
            let open = if number == 0 { '{' } else { ',' };
            let text = text.replace('\\', "\\\\").replace('"', "\\\"").replace('\n', "\\n");
            let _ = write!(self.out, "{open}{label}=\"{text}\"");
        }
        let close = if labels.is_empty() { "" } else { "}" };
        let _ = writeln!(self.out, "{close} {value}");
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ODD: Family = Family {
        name: "weir_odd",
        kind: Kind::Gauge,
        labels: &["a", "b"],
        help: "A line\nand a \\ in it",
        help_zh: "",
    };
    const TIMES: Family =
        Family { name: "weir_times_seconds", kind: Kind::Histogram, labels: &[], help: "Times", help_zh: "" };

    #[test]
    fn what_would_break_a_line_is_escaped() {
        let mut text = Text::default();
        text.family(&ODD).with(&[("a", "say \"hi\"\\\n"), ("b", "堰")], 0.5);
        assert_eq!(
            text.finish(),
            "# HELP weir_odd A line\\nand a \\\\ in it\n# TYPE weir_odd gauge\nweir_odd{a=\"say \\\"hi\\\"\\\\\\n\",b=\"堰\"} 0.5\n"
        );
    }

    #[test]
    fn a_histogram_ends_with_all_its_observations() {
        let mut histogram = Histogram::with_bounds(&[0.01, 1.0]);
        [0.005, 0.01, 0.5, 9.0].into_iter().for_each(|seconds| histogram.observe_seconds(seconds));
        let mut text = Text::default();
        text.family(&TIMES).histogram(&histogram);
        let text = text.finish();
        let samples: Vec<&str> = text.lines().filter(|line| !line.starts_with('#')).collect();
        assert_eq!(
            samples,
            [
                "weir_times_seconds_bucket{le=\"0.01\"} 2",
                "weir_times_seconds_bucket{le=\"1\"} 3",
                "weir_times_seconds_bucket{le=\"+Inf\"} 4",
                "weir_times_seconds_sum 9.515",
                "weir_times_seconds_count 4",
            ]
        );
    }
}
