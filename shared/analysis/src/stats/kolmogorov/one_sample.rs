//! Distribution of the two-sided one-sample Kolmogorov-Smirnov statistic for a finite sample.
//!
//! Three ways, each where it is accurate (Simard and L'Ecuyer, "Computing the two-sided Kolmogorov-Smirnov
//! distribution", 2011): the exact matrix power of Marsaglia, Tsang and Wang; twice the exact one-sided tail, whose
//! error is of the order exp(-8 n d^2); the expansion of Pelz and Good. The regions are those of the reference's
//! library, so that the last digits agree as well.

use std::f64::consts::{FRAC_PI_2, PI};

/// Samples up to this size are never left to the expansion.
const SMALL: u64 = 140;
/// Larger samples are always left to the expansion: the others' cost grows with the size.
const LARGE: u64 = 100_000;

/// `P(D_n >= d)` for a sample of `n` values.
pub(super) fn survival(n: u64, d: f64) -> f64 {
    let size = n as f64;
    if n == 0 || size * d <= 0.5 {
        return 1.0;
    }
    if d >= 1.0 {
        return 0.0;
    }
    let squared = size * d * d;
    if squared >= 370.0 {
        return 0.0;
    }
    let tail_from = match n {
        ..=SMALL => 4.0,
        _ if n <= LARGE => 2.2,
        _ => f64::INFINITY,
    };
    let tail_is_enough = d >= 0.5 || squared >= tail_from;
    if tail_is_enough {
        return (2.0 * one_sided(n, d)).min(1.0);
    }
    // Below, the distribution function is less than 1e-8.
    if squared < 0.05 && n > SMALL {
        return 1.0;
    }
    let below = if n <= SMALL || (n <= LARGE && size * d.powf(1.5) <= 1.4) {
        matrix_power(n, d)
    } else {
        expansion(size, d)
    };
    (1.0 - below).clamp(0.0, 1.0)
}

/// Smirnov's tail of the one-sided statistic:
/// `d sum_{j=0}^{floor(n (1 - d))} C(n, j) (d + j/n)^(j-1) (1 - d - j/n)^(n-j)`.
fn one_sided(n: u64, d: f64) -> f64 {
    let size = n as f64;
    let last = (size * (1.0 - d)).floor() as u64;
    let (mut sum, mut log_binomial) = (0.0, 0.0);
    for j in 0..=last.min(n - 1) {
        let step = j as f64;
        let (up, down) = (d + step / size, 1.0 - d - step / size);
        if down > 0.0 {
            sum += (log_binomial + (step - 1.0) * up.ln() + (size - step) * down.ln()).exp();
        }
        log_binomial += ((size - step) / (step + 1.0)).ln();
    }
    (d * sum).clamp(0.0, 1.0)
}

/// A square matrix with a power of ten taken out, so that large powers neither vanish nor overflow.
#[derive(Clone)]
struct Matrix {
    size: usize,
    cells: Vec<f64>,
    exponent: i32,
}

impl Matrix {
    fn identity(size: usize) -> Self {
        let cells = (0..size * size).map(|cell| f64::from(u8::from(cell % (size + 1) == 0))).collect();
        Self { size, cells, exponent: 0 }
    }

    fn times(&self, other: &Self) -> Self {
        let mut cells = vec![0.0; self.cells.len()];
        let rows = cells.chunks_exact_mut(self.size).zip(self.cells.chunks_exact(self.size));
        for (result, row) in rows {
            for (factor, line) in row.iter().zip(other.cells.chunks_exact(self.size)) {
                for (sum, cell) in result.iter_mut().zip(line) {
                    *sum += factor * cell;
                }
            }
        }
        let mut exponent = self.exponent + other.exponent;
        if cells.iter().any(|cell| *cell > 1e140) {
            cells.iter_mut().for_each(|cell| *cell *= 1e-140);
            exponent += 140;
        }
        Self { size: self.size, cells, exponent }
    }

    fn power(&self, mut times: u64) -> Self {
        let (mut result, mut base) = (Self::identity(self.size), self.clone());
        while times > 0 {
            if times % 2 == 1 {
                result = result.times(&base);
            }
            times /= 2;
            if times > 0 {
                base = base.times(&base);
            }
        }
        result
    }
}

/// `P(D_n < d)` exactly: `n! / n^n` times the middle cell of the n-th power of a matrix of `2 k - 1` rows, with
/// `k = ceil(n d)` and `h = k - n d`.
fn matrix_power(n: u64, d: f64) -> f64 {
    let size = n as f64;
    let k = (size * d).ceil();
    let h = k - size * d;
    let m = 2 * (k as usize) - 1;
    let mut inverse_factorials = vec![1.0];
    let mut powers_of_h = vec![1.0];
    for i in 1..=m {
        inverse_factorials.push(inverse_factorials.last().copied().unwrap_or(1.0) / i as f64);
        powers_of_h.push(powers_of_h.last().copied().unwrap_or(1.0) * h);
    }
    let at = |list: &[f64], position: usize| list.get(position).copied().unwrap_or(0.0);
    let corner =
        1.0 - 2.0 * at(&powers_of_h, m) + (2.0 * h - 1.0).max(0.0).powi(i32::try_from(m).unwrap_or(i32::MAX));
    let cell = |row: usize, column: usize| {
        let Some(order) = (row + 1).checked_sub(column) else { return 0.0 };
        let numerator = match (column == 0, row + 1 == m) {
            (true, true) => corner,
            (true, false) => 1.0 - at(&powers_of_h, row + 1),
            (false, true) => 1.0 - at(&powers_of_h, m - column),
            (false, false) => 1.0,
        };
        numerator * at(&inverse_factorials, order)
    };
    let cells = (0..m * m).map(|position| cell(position / m, position % m)).collect();
    let power = Matrix { size: m, cells, exponent: 0 }.power(n);
    let middle = k as usize - 1;
    let mut probability = at(&power.cells, middle * m + middle);
    let mut exponent = power.exponent;
    for i in 1..=n {
        probability *= i as f64 / size;
        if probability < 1e-140 {
            probability *= 1e140;
            exponent -= 140;
        }
    }
    probability * 10_f64.powi(exponent)
}

/// `P(D_n < d)` by the expansion of Pelz and Good in powers of `n^(-1/2)`, up to the third.
fn expansion(n: f64, d: f64) -> f64 {
    /// Enough for every `z` up to 6: later terms are less than 1e-17.
    const TERMS: u32 = 40;
    let z = d * n.sqrt();
    let z2 = z * z;
    let (z4, z6) = (z2 * z2, z2 * z2 * z2);
    let [mut k0, mut k1, mut k2, mut k3, mut k2_whole, mut k3_whole] = [0.0; 6];
    for k in 0..TERMS {
        // Each sum runs over all whole numbers; its terms are the same for both signs.
        let a = (PI * (f64::from(k) + 0.5)).powi(2);
        let weight = 2.0 * (-a / (2.0 * z2)).exp();
        k0 += weight;
        k1 += (a - z2) * weight;
        k2 += ((6.0 * z6 + 2.0 * z4) + a * (2.0 * z4 - 5.0 * z2) + a * a * (1.0 - 2.0 * z2)) * weight;
        k3 +=
            (a.powi(3) * (5.0 - 30.0 * z2) + a * a * (212.0 * z4 - 60.0 * z2) + a * (135.0 * z4 - 96.0 * z6)
                - (30.0 * z6 + 90.0 * z4 * z4))
                * weight;
        let a = (PI * f64::from(k)).powi(2);
        let weight = 2.0 * (-a / (2.0 * z2)).exp();
        k2_whole += a * weight;
        k3_whole += (3.0 * a * z2 - a * a) * weight;
    }
    let c = FRAC_PI_2.sqrt();
    let k0 = c / z * k0;
    let k1 = c / (6.0 * z4) * k1;
    let k2 = c / (72.0 * z6 * z) * k2 - c / (36.0 * z2 * z) * k2_whole;
    let k3 = c / (6480.0 * z6 * z4) * k3 + c / (216.0 * z6) * k3_whole;
    k0 + k1 / n.sqrt() + k2 / n + k3 / n.powf(1.5)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn checks_of_the_specification() {
        for (n, d, p) in [
            (5000, 0.005, 0.999_585_844),
            (5000, 0.01, 0.695_455_725),
            (5000, 0.015, 0.208_461_421),
            (5000, 0.02, 0.036_139_414),
            (5000, 0.025, 0.003_794_841),
            (50_000, 0.002, 0.988_038_661),
            (50_000, 0.004, 0.399_431_665),
            (50_000, 0.005, 0.163_533_635),
            (50_000, 0.007, 0.014_823_358),
            (50_000, 0.009, 0.000_603_380),
        ] {
            assert!((survival(n, d) - p).abs() < 1e-9, "{n} {d}: {}", survival(n, d));
        }
    }

    #[test]
    fn ends() {
        assert_eq!(survival(10, 0.05), 1.0);
        assert_eq!(survival(10, 1.0), 0.0);
        assert_eq!(survival(10_000, 0.9), 0.0);
        assert_eq!(survival(0, 0.9), 1.0);
        // One value: its distance is at least one half, and evenly spread above.
        assert!((survival(1, 0.6) - 0.8).abs() < 1e-12 && (survival(1, 0.3) - 1.0).abs() < 1e-12);
    }

    /// Figures of `scipy.stats.kstwo.sf` (SciPy 1.17), across the regions.
    #[test]
    fn agrees_with_the_references_library() {
        for (n, d, p) in [
            (2, 0.173205, 1.0),
            (2, 0.83666, 0.0533599112),
            (7, 0.338062, 0.324421163365),
            (7, 0.58554, 0.00825016099039),
            (40, 0.03873, 0.999999767977),
            (40, 0.187083, 0.106560728624),
            (40, 0.31225, 0.000579463209067),
            (100, 0.054772, 0.908880184265),
            (100, 0.144914, 0.0269335284067),
            (100, 0.223607, 7.12419190027e-05),
            (139, 0.075864, 0.381403463435),
            (139, 0.131401, 0.014910229701),
            (141, 0.020628, 0.999999922587),
            (141, 0.099645, 0.113563448924),
            (141, 0.166312, 0.000706766425334),
            (200, 0.03873, 0.91355915319),
            (200, 0.10247, 0.0278604658898),
            (200, 0.158114, 7.80557973026e-05),
            (350, 0.047809, 0.388302723735),
            (350, 0.082808, 0.0155071089506),
            (800, 0.00866, 0.999999971033),
            (800, 0.041833, 0.118212890042),
            (800, 0.069821, 0.000777272066105),
            (2500, 0.010954, 0.921822720036),
            (2500, 0.028983, 0.0294028268495),
            (2500, 0.044721, 8.78321571004e-05),
            (20000, 0.006325, 0.398741825004),
            (20000, 0.010954, 0.0163449709325),
            (99999, 0.000775, 0.999999986625),
            (99999, 0.003742, 0.121230977489),
            (99999, 0.006245, 0.000816083836784),
            (250000, 0.001095, 0.924976643985),
            (250000, 0.002898, 0.0299569392029),
            (250000, 0.004472, 9.05813947773e-05),
        ] {
            assert!((survival(n, d) - p).abs() < 1e-8, "{n} {d}: {} instead of {p}", survival(n, d));
        }
    }

    /// Where the ways meet they agree, to the accuracy of the coarser one.
    #[test]
    fn the_ways_agree_with_each_other() {
        for n in [20, 100, 140] {
            let d = (3.0 / n as f64).sqrt();
            assert!((1.0 - matrix_power(n, d) - 2.0 * one_sided(n, d)).abs() < 1e-9, "{n}");
        }
        for n in [1000_u64, 3000] {
            for squared in [0.1, 0.3, 0.7, 1.5] {
                let d = (squared / n as f64).sqrt();
                assert!((matrix_power(n, d) - expansion(n as f64, d)).abs() < 1e-6, "{n} {squared}");
            }
        }
        for n in [5000_u64, 50_000] {
            let d = (2.5 / n as f64).sqrt();
            assert!((1.0 - expansion(n as f64, d) - 2.0 * one_sided(n, d)).abs() < 1e-7, "{n}");
        }
    }

    /// Statistic of uniform samples on a grid: the exact distribution for tiny samples is a polynomial, known in
    /// closed form for `d` up to `1 / n` (Ruben and Gambino): `n! (2 d - 1/n)^n`.
    #[test]
    fn small_distances_have_a_closed_form() {
        for n in 2_u64..12 {
            let d = 0.9 / n as f64;
            let factorial: f64 = (1..=n).map(|i| i as f64).product();
            let below = factorial * (2.0 * d - 1.0 / n as f64).powi(n as i32);
            assert!((1.0 - survival(n, d) - below).abs() < 1e-12, "{n}");
        }
    }
}
