//! A bar in characters.

use crate::report::margin_bar::{MarginBar, REACH};

/// Columns to each side of the centre.
const SIDE: usize = 10;
/// What stands above the bars; right is worse.
pub(super) const TITLE: &str = "better    0     worse";
pub(super) const LEGEND: &str = "◆ change  ━ its interval  ┊ margin";

/// The bar of a bar: margins at a quarter and three quarters of it.
pub(super) fn bar(bar: MarginBar) -> String {
    let mut columns = [' '; 2 * SIDE + 1];
    columns[SIDE] = '│';
    for margin in [-1.0, 1.0] {
        columns[column(margin)] = '┊';
    }
    if let Some([low, high]) = bar.interval {
        for here in &mut columns[column(low)..=column(high)] {
            *here = if *here == ' ' { '━' } else { '┿' };
        }
    }
    columns[column(bar.point).clamp(1, 2 * SIDE - 1)] = '◆';
    let [low, high] = bar.interval.unwrap_or([bar.point; 2]);
    if MarginBar::clipped(low.min(bar.point)) && low < 0.0 {
        columns[0] = '◀';
    }
    if MarginBar::clipped(high.max(bar.point)) && high > 0.0 {
        columns[2 * SIDE] = '▶';
    }
    columns.iter().collect()
}

#[expect(
    clippy::cast_possible_truncation,
    clippy::cast_sign_loss,
    reason = "between 0 and 2 * SIDE"
)]
fn column(position: f64) -> usize {
    let share = (position.clamp(-REACH, REACH) + REACH) / (2.0 * REACH);
    (share * 2.0 * SIDE as f64).round() as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shown(point: f64, interval: Option<[f64; 2]>) -> String {
        bar(MarginBar { point, interval })
    }

    #[test]
    fn point_interval_and_margins_have_their_columns() {
        assert_eq!(shown(0.0, None), "     ┊    ◆    ┊     ");
        assert_eq!(shown(0.2, Some([-0.2, 0.6])), "     ┊   ━┿◆━━ ┊     ");
        assert_eq!(shown(1.2, Some([0.8, 1.6])), "     ┊    │   ━┿◆━━  ");
    }

    #[test]
    fn what_lies_beyond_is_pointed_at() {
        assert_eq!(shown(9.0, Some([8.0, 10.0])), "     ┊    │    ┊   ◆▶");
        assert_eq!(shown(-9.0, None), "◀◆   ┊    │    ┊     ");
        assert_eq!(shown(0.0, Some([-5.0, 1.6])), "◀━━━━┿━━━━◆━━━━┿━━━  ");
        assert_eq!(shown(f64::INFINITY, None), "     ┊    │    ┊   ◆▶");
    }

    #[test]
    fn the_title_is_as_wide_as_the_bar() {
        assert_eq!(TITLE.chars().count(), shown(0.0, None).chars().count());
    }
}
