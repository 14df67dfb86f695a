//! Which commits of a series changed a value, from noisy comparisons of two of them at a time.
//!
//! A probabilistic bisection (Horstein, *IEEE Transactions on Information Theory* 9, 1963; Waeber,
//! Frazier and Henderson, *SIAM Journal on Control and Optimization* 51, 2013): a posterior over the
//! places of at most three steps, and as the next comparison the one that is expected to say most about
//! them (Lindley, *Annals of Mathematical Statistics* 27, 1956). What is measured counts by its error, so
//! that an answer which decides nothing by itself is not lost, and a wrong one is outweighed.

mod answer;
mod matrix;

use std::collections::BTreeSet;

use answer::{Answer, mutual_information};
use matrix::inverted;

/// How probable it is beforehand that so many commits changed the value: none, one, two or three.
const STEPS: [f64; 4] = [0.02, 0.75, 0.18, 0.05];
/// Hypotheses less probable than this are not looked ahead from.
const NEGLIGIBLE: f64 = 5e-3;
/// How probable a step at a commit must be for that to be named.
const SURE: f64 = 0.95;
/// A step is said to remain where its mean is so many standard deviations from nothing.
const REMAINS: f64 = 1.5;

/// The smallest further step that is looked for beside one of this total, where changes up to a margin do
/// not matter: half of what matters, as half of it may be missed.
pub fn smallest_step(total: f64, margin: f64) -> f64 {
    0.5 * (0.4 * total.abs()).min(margin)
}

/// How much the value of one commit differs from that of an earlier one, on the log scale.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Observation {
    pub from: usize,
    pub to: usize,
    pub change: f64,
    /// Its standard error.
    pub error: f64,
}

/// Two commits that are to be compared.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Question {
    pub from: usize,
    pub to: usize,
}

/// Neighbouring commits, one of which may have changed the value: those after `from`, up to `to`.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Suspects {
    pub from: usize,
    pub to: usize,
    /// How probable it is that one of them did.
    pub probability: f64,
    /// What they changed together, if they did, on the log scale.
    pub change: f64,
}

/// Commits 0 (known to be good) to `last`, and what is known of them.
#[derive(Debug, Clone, PartialEq)]
pub struct StepSearch {
    last: usize,
    /// Commits that cannot be measured.
    skipped: BTreeSet<usize>,
    observations: Vec<Observation>,
}

/// Places of steps, by the number of their gap, with what the observations say.
#[derive(Debug, Clone)]
struct Hypothesis {
    gaps: Vec<usize>,
    /// Posterior mean of each step, and their covariance.
    means: Vec<f64>,
    covariance: Vec<Vec<f64>>,
    probability: f64,
}

/// All hypotheses over gaps between commits that were compared.
#[derive(Debug, Clone)]
struct Posterior {
    /// The commits that were compared, in order: gap `n` lies between the places `n` and `n + 1`.
    places: Vec<usize>,
    hypotheses: Vec<Hypothesis>,
}

impl StepSearch {
    pub const fn new(last: usize) -> Self {
        Self {
            last,
            skipped: BTreeSet::new(),
            observations: Vec::new(),
        }
    }

    /// Leaves out a commit that cannot be measured.
    pub fn skip(&mut self, commit: usize) {
        self.skipped.insert(commit);
    }

    pub fn observe(&mut self, observation: Observation) {
        self.observations.push(observation);
    }

    /// What is to be compared next: a culprit beside its parent, so that it is not named by what others
    /// are like; else what says most about what is still to be found. `None` if every step of at least
    /// this size is known, or no comparison would say anything.
    pub fn next(&self, smallest: f64) -> Option<Question> {
        let culprits = self.culprits();
        let mut unseen = culprits
            .iter()
            .filter(|it| !self.is_compared(it.from, it.to));
        if let Some(Suspects { from, to, .. }) = unseen.next() {
            return Some(Question {
                from: *from,
                to: *to,
            });
        }
        if !culprits.is_empty() && !self.lacks_a_culprit(smallest) {
            return None;
        }
        self.most_informative()
    }

    fn most_informative(&self) -> Option<Question> {
        let posterior = self.posterior(&[]);
        let mut best: Option<(f64, Question)> = None;
        for question in self.questions(&posterior) {
            let information = self.information(question);
            if best.is_none_or(|(most, _)| information > most) {
                best = Some((information, question));
            }
        }
        best.map(|(_, question)| question)
    }

    /// The neighbouring commits that are suspected, in order, each with its probability.
    pub fn suspects(&self) -> Vec<Suspects> {
        let posterior = self.posterior(&[]);
        let gaps = 0..posterior.places.len() - 1;
        gaps.map(|gap| posterior.suspects(gap)).collect()
    }

    /// The commits that are known to have changed the value, in order: those that cannot be
    /// distinguished, as those between cannot be measured, count as one.
    pub fn culprits(&self) -> Vec<Suspects> {
        let mut suspects = self.suspects();
        suspects.retain(|it| it.probability >= SURE && self.is_one(it.from, it.to));
        suspects
    }

    /// Whether a step of at least this size is still to be found beside the culprits.
    pub fn lacks_a_culprit(&self, smallest: f64) -> bool {
        let culprits = self.culprits();
        let posterior = self.posterior(&[]);
        let mut from = 0;
        for to in culprits.iter().map(|it| it.from).chain([self.last]) {
            let (mean, deviation) = posterior.sum(from, to);
            if mean.abs() >= smallest && mean.abs() > REMAINS * deviation {
                return true;
            }
            let own = culprits.iter().find(|it| it.from == to);
            from = own.map_or(to, |it| it.to);
        }
        false
    }

    /// Whether two neighbours were compared with each other, not with a third.
    pub fn is_compared(&self, from: usize, to: usize) -> bool {
        let mut all = self.observations.iter();
        all.any(|it| (it.from, it.to) == (from, to))
    }

    /// Whether anything was observed of a commit.
    pub fn is_measured(&self, commit: usize) -> bool {
        let mut all = self.observations.iter();
        all.any(|it| it.from == commit || it.to == commit)
    }

    /// The change between two commits by everything that was measured, with its standard deviation.
    pub fn change(&self, from: usize, to: usize) -> (f64, f64) {
        self.posterior(&[from, to]).sum(from, to)
    }

    /// Whether there is no commit between two that can be measured.
    pub fn is_one(&self, from: usize, to: usize) -> bool {
        self.between(from, to).next().is_none()
    }

    /// The commits between two that can be measured.
    fn between(&self, from: usize, to: usize) -> impl DoubleEndedIterator<Item = usize> {
        (from + 1..to).filter(|it| !self.skipped.contains(it))
    }

    /// What may be worth asking: the middle of what is suspected, all that was compared once more, and
    /// neighbours beside each other.
    fn questions(&self, posterior: &Posterior) -> Vec<Question> {
        let mut questions = Vec::new();
        for (gap, ends) in posterior.places.windows(2).enumerate() {
            let (from, to) = (ends[0], ends[1]);
            if posterior.suspects(gap).probability < NEGLIGIBLE {
                continue;
            }
            let between: Vec<_> = self.between(from, to).collect();
            match between.as_slice() {
                [] => questions.push(Question { from, to }),
                // Of two, what one is says what the other is, and it is beside its parent.
                [middle] => questions.push(Question { from, to: *middle }),
                _ => questions.push(Question {
                    from: 0,
                    to: middle(&between, from, to),
                }),
            }
        }
        let compared = posterior.places.iter().filter(|it| **it > 0);
        questions.extend(compared.map(|to| Question { from: 0, to: *to }));
        questions
    }

    /// What the answer to a question is expected to say of where the steps are: the mutual information
    /// of both, in nats.
    fn information(&self, question: Question) -> f64 {
        let Question { from, to } = question;
        let posterior = self.posterior(&[from, to]);
        let noise = self.usual_error();
        let answer = |it: &Hypothesis| {
            let (mean, variance) = it.sum(&posterior.places, from, to);
            Answer {
                probability: it.probability,
                mean,
                deviation: (variance + noise * noise).sqrt(),
            }
        };
        let likely = posterior.hypotheses.iter();
        let likely = likely.filter(|it| it.probability >= NEGLIGIBLE);
        let answers: Vec<_> = likely.map(answer).collect();
        mutual_information(&answers)
    }

    /// The error that the next answer is expected to have.
    fn usual_error(&self) -> f64 {
        let errors: Vec<f64> = self.observations.iter().map(|it| it.error).collect();
        super::median(&errors).unwrap_or(1.0)
    }

    /// How large steps are expected to be: as large as the largest change that was seen.
    fn usual_step(&self) -> f64 {
        let sizes = self.observations.iter();
        let sizes = sizes.map(|it| it.change.abs().max(it.error));
        sizes.fold(f64::MIN_POSITIVE, f64::max)
    }

    /// With further places, whether or not they were compared.
    fn posterior(&self, further: &[usize]) -> Posterior {
        let mut places = BTreeSet::from([0, self.last]);
        places.extend(self.observations.iter().flat_map(|it| [it.from, it.to]));
        places.extend(further);
        let places: Vec<_> = places.into_iter().collect();
        let mut logs = Vec::new();
        let mut hypotheses = Vec::new();
        for gaps in choices(places.len() - 1) {
            let prior = self.prior(&gaps, &places);
            let (evidence, fitted) = self.fitted(gaps, &places);
            logs.push(prior.ln() + evidence);
            hypotheses.push(fitted);
        }
        let most = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let total: f64 = logs.iter().map(|log| (log - most).exp()).sum();
        for (hypothesis, log) in hypotheses.iter_mut().zip(logs) {
            hypothesis.probability = (log - most).exp() / total;
        }
        Posterior { places, hypotheses }
    }

    /// Every commit may have made a step alike.
    fn prior(&self, gaps: &[usize], places: &[usize]) -> f64 {
        let share = |gap: &usize| (places[gap + 1] - places[*gap]) as f64 / self.last as f64;
        let orders = [1.0, 1.0, 2.0, 6.0][gaps.len()];
        STEPS[gaps.len()] * orders * gaps.iter().map(share).product::<f64>()
    }

    /// The steps of a hypothesis, and the logarithm of how well it explains the observations: a linear
    /// model of normal errors with a normal prior of the steps, which has both in closed form.
    fn fitted(&self, gaps: Vec<usize>, places: &[usize]) -> (f64, Hypothesis) {
        let variance = self.usual_step().powi(2);
        let (precision, weighted) = self.equations(&gaps, places, variance);
        let (covariance, determinant) = inverted(precision);
        let product = |row: &Vec<f64>| row.iter().zip(&weighted).map(|(a, b)| a * b).sum();
        let means: Vec<f64> = covariance.iter().map(product).collect();
        let explained: f64 = means.iter().zip(&weighted).map(|(a, b)| a * b).sum();
        let width = determinant.ln() + gaps.len() as f64 * variance.ln();
        let hypothesis = Hypothesis {
            gaps,
            means,
            covariance,
            probability: 0.0,
        };
        // What no hypothesis explains is the same for all of them.
        (0.5 * (explained - width), hypothesis)
    }

    /// The normal equations of the steps: the matrix, to which the prior with its variance adds, and the
    /// right-hand side.
    fn equations(
        &self,
        gaps: &[usize],
        places: &[usize],
        variance: f64,
    ) -> (Vec<Vec<f64>>, Vec<f64>) {
        let count = gaps.len();
        let mut precision = vec![vec![0.0; count]; count];
        let mut weighted = vec![0.0; count];
        for (step, row) in precision.iter_mut().enumerate() {
            row[step] = 1.0 / variance;
        }
        for it in &self.observations {
            let weight = it.error.powi(-2);
            let is_seen = |step: &usize| {
                let gap = gaps[*step];
                it.from <= places[gap] && places[gap + 1] <= it.to
            };
            for one in (0..count).filter(is_seen) {
                weighted[one] += weight * it.change;
                for other in (0..count).filter(is_seen) {
                    precision[one][other] += weight;
                }
            }
        }
        (precision, weighted)
    }
}

impl Hypothesis {
    /// Mean and variance of the change between two places.
    fn sum(&self, places: &[usize], from: usize, to: usize) -> (f64, f64) {
        let lies = |gap: usize| from <= places[gap] && places[gap + 1] <= to;
        let own = || (0..self.gaps.len()).filter(|step| lies(self.gaps[*step]));
        let mean = own().map(|step| self.means[step]).sum();
        let pairs = own().flat_map(|one| own().map(move |other| (one, other)));
        let variance = pairs.map(|(one, other)| self.covariance[one][other]).sum();
        (mean, variance)
    }
}

impl Posterior {
    fn suspects(&self, gap: usize) -> Suspects {
        let (mut probability, mut change) = (0.0, 0.0);
        for it in &self.hypotheses {
            if let Some(step) = it.gaps.iter().position(|own| *own == gap) {
                probability += it.probability;
                change += it.probability * it.means[step];
            }
        }
        Suspects {
            from: self.places[gap],
            to: self.places[gap + 1],
            probability,
            change: change / probability.max(f64::MIN_POSITIVE),
        }
    }

    /// Mean and standard deviation of the change between two places.
    fn sum(&self, from: usize, to: usize) -> (f64, f64) {
        let (mut mean, mut square) = (0.0, 0.0);
        for it in &self.hypotheses {
            let (own, variance) = it.sum(&self.places, from, to);
            mean += it.probability * own;
            square += it.probability * (own * own + variance);
        }
        (mean, (square - mean * mean).max(0.0).sqrt())
    }
}

/// The one in the middle.
fn middle(between: &[usize], from: usize, to: usize) -> usize {
    let distance = |it: &&usize| (2 * **it).abs_diff(from + to);
    *between.iter().min_by_key(distance).unwrap_or(&to)
}

/// Every choice of at most three gaps.
fn choices(count: usize) -> Vec<Vec<usize>> {
    let mut all = vec![Vec::new()];
    for one in 0..count {
        all.push(vec![one]);
        for two in one + 1..count {
            all.push(vec![one, two]);
            all.extend((two + 1..count).map(|three| vec![one, two, three]));
        }
    }
    all
}

#[cfg(test)]
mod tests;
