/// The inverse of a small symmetric matrix that is positive definite, and the determinant of the matrix:
/// Gauss-Jordan elimination, which needs no pivots then.
pub(super) fn inverted(mut matrix: Vec<Vec<f64>>) -> (Vec<Vec<f64>>, f64) {
    let count = matrix.len();
    let mut determinant = 1.0;
    for pivot in 0..count {
        let of_pivot = matrix[pivot][pivot];
        determinant *= of_pivot;
        matrix[pivot][pivot] = 1.0;
        matrix[pivot].iter_mut().for_each(|it| *it /= of_pivot);
        let eliminating = matrix[pivot].clone();
        for (row, values) in matrix.iter_mut().enumerate() {
            if row != pivot {
                let factor = values[pivot];
                values[pivot] = 0.0;
                let pairs = values.iter_mut().zip(&eliminating);
                pairs.for_each(|(value, it)| *value -= factor * it);
            }
        }
    }
    (matrix, determinant)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_matrix_times_its_inverse_is_one() {
        let matrix = [[4.0, 1.0, 0.5], [1.0, 3.0, 0.2], [0.5, 0.2, 2.0]];
        let (inverse, determinant) = inverted(matrix.map(Vec::from).into());
        assert!((determinant - 21.29).abs() < 1e-9, "{determinant}");
        // A symmetric matrix has a symmetric inverse: its rows are its columns.
        for (row, values) in matrix.iter().enumerate() {
            for (column, of_inverse) in inverse.iter().enumerate() {
                let product: f64 = values.iter().zip(of_inverse).map(|(a, b)| a * b).sum();
                let expected = f64::from(u8::from(row == column));
                assert!((product - expected).abs() < 1e-9, "{product}");
            }
        }
    }
}
