//! The profiles of one side as collapsed stacks, a line each: `cell;outer;inner NUMBER`, the form that
//! viewers of flame graphs read. The number is nanoseconds of CPU time per request.

use super::text::printable;
use crate::model::{Call, CpuProfile, Report, Side};

/// The stacks of all profiles; the outermost name is that of server and endpoint.
pub fn folded(report: &Report, side: Side) -> String {
    let profiles = report.profiles.iter();
    profiles.flat_map(|it| stacks(it, side)).collect()
}

fn stacks(profile: &CpuProfile, side: Side) -> Vec<String> {
    let mut path = vec![name(&format!("{} {}", profile.server, profile.endpoint))];
    let mut lines = Vec::new();
    for (position, call) in profile.calls.iter().enumerate() {
        let frame = profile.frames.get(call.frame);
        path.truncate(call.depth + 1);
        path.push(frame.map_or_else(|| "?".into(), |it| name(it)));
        let cost = |it: &Call| match side {
            Side::Head => it.head,
            Side::Base => it.base,
        };
        let below = profile.calls[position + 1..].iter();
        let below = below.take_while(|it| it.depth > call.depth);
        let below = below.filter(|it| it.depth == call.depth + 1);
        let own = cost(call) - below.map(cost).sum::<f64>();
        let nanoseconds = (own * 1e3).round();
        if nanoseconds >= 1.0 {
            lines.push(format!("{} {nanoseconds:.0}\n", path.join(";")));
        }
    }
    lines
}

/// A name without what parts stacks and lines.
fn name(text: &str) -> String {
    printable(text).replace(';', ":")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::Sides;

    #[test]
    fn each_line_is_a_stack_with_its_own_cost() {
        let call = |depth, frame, base, head| Call {
            depth,
            frame,
            base,
            head,
        };
        let profile = CpuProfile {
            server: "app".into(),
            endpoint: "home".into(),
            cpu: Sides::default(),
            samples: Sides::default(),
            compared: 0,
            functions: Vec::new(),
            frames: ["run", "view;x", "log"].map(str::to_owned).to_vec(),
            calls: vec![
                call(0, 0, 100.0, 150.0),
                call(1, 1, 60.0, 110.0),
                call(2, 9, 0.0, 10.0),
                call(1, 2, 40.0, 30.5),
            ],
        };
        let head = stacks(&profile, Side::Head).concat();
        let expected = "app home;run 9500\napp home;run;view:x 100000\n\
                        app home;run;view:x;? 10000\napp home;run;log 30500\n";
        assert_eq!(head, expected);
        let base = stacks(&profile, Side::Base).concat();
        assert_eq!(base, "app home;run;view:x 60000\napp home;run;log 40000\n");
    }
}
