use std::f64::consts::TAU;

/// Standard deviations from its mean at which an answer is looked at: where its density lies, however far
/// apart the means of others are.
const NODES: [f64; 7] = [-2.4, -1.6, -0.8, 0.0, 0.8, 1.6, 2.4];

/// What the next answer would be by one hypothesis: normal.
pub(super) struct Answer {
    /// Of the hypothesis.
    pub(super) probability: f64,
    pub(super) mean: f64,
    pub(super) deviation: f64,
}

impl Answer {
    fn density(&self, at: f64) -> f64 {
        let distance = (at - self.mean) / self.deviation;
        (-0.5 * distance * distance).exp() / (self.deviation * TAU.sqrt())
    }
}

/// What an answer says of the hypothesis that it comes from, in nats.
pub(super) fn mutual_information(answers: &[Answer]) -> f64 {
    let weight = |node: f64| (-0.5 * node * node).exp();
    let total: f64 = NODES.iter().copied().map(weight).sum();
    let information_at = |own: &Answer, node: f64| {
        let at = own.mean + node * own.deviation;
        let densities = answers.iter().map(|it| it.probability * it.density(at));
        (own.density(at) / densities.sum::<f64>()).ln()
    };
    let information = |own: &Answer| {
        let parts = NODES.map(|node| weight(node) / total * information_at(own, node));
        own.probability * parts.iter().sum::<f64>()
    };
    answers.iter().map(information).sum()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn information(distance: f64) -> f64 {
        let answer = |mean| Answer {
            probability: 0.5,
            mean,
            deviation: 1.0,
        };
        mutual_information(&[answer(0.0), answer(distance)])
    }

    #[test]
    fn an_answer_says_nothing_of_equals_and_all_of_what_is_far_apart() {
        assert!(information(0.0).abs() < 1e-9);
        assert!(
            (information(12.0) - 2.0_f64.ln()).abs() < 0.01,
            "{}",
            information(12.0)
        );
        assert!(information(1.0) < information(2.0) && information(2.0) < information(4.0));
    }
}
