//! The work: counting primes.

/// How many primes are smaller than `limit`, by the sieve of Eratosthenes.
pub fn count_below(limit: usize) -> usize {
    let mut is_prime = vec![true; limit];
    is_prime
        .iter_mut()
        .take(2)
        .for_each(|zero_and_one| *zero_and_one = false);
    let mut number = 2;
    while number * number < limit {
        if is_prime[number] {
            for multiple in (number * number..limit).step_by(number) {
                is_prime[multiple] = false;
            }
        }
        number += 1;
    }
    is_prime.into_iter().filter(|prime| *prime).count()
}

#[cfg(test)]
mod tests {
    use super::count_below;

    #[test]
    fn there_are_no_primes_below_two() {
        for limit in 0..=2 {
            assert_eq!(count_below(limit), 0, "below {limit}");
        }
    }

    #[test]
    fn the_limit_itself_is_not_counted() {
        assert_eq!(count_below(3), 1);
        assert_eq!(count_below(7), 3);
        assert_eq!(count_below(8), 4);
    }

    #[test]
    fn squares_of_primes_are_no_primes() {
        assert_eq!(count_below(10), 4);
        assert_eq!(count_below(26), 9);
    }

    #[test]
    fn counts_are_those_of_the_tables() {
        assert_eq!(count_below(100), 25);
        assert_eq!(count_below(10_000), 1_229);
        assert_eq!(count_below(100_000), 9_592);
        assert_eq!(count_below(1_000_000), 78_498);
    }
}
