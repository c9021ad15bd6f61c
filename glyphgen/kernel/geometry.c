/* Linear maps, and how far ink reaches after them: the bits of geometry.py, which says what they are.
 *
 * Every step is one operation in double precision, in the order that geometry.py has.
 */

#include <math.h>
#include <stdint.h>

#define EXPORTED __attribute__((visibility("default")))

enum { TERMS = 9 };

static void find_cos_sin(double degrees, const double *cos_terms, const double *sin_terms, double *cos_out,
                         double *sin_out)
{
    double quarter = rint(degrees / 90.0);
    double r = (degrees - 90.0 * quarter) * (3.141592653589793 / 180.0), r2 = r * r;
    double c = cos_terms[TERMS - 1], s = sin_terms[TERMS - 1];
    for (int k = TERMS - 2; k >= 0; k--) {
        c = c * r2 + cos_terms[k];
        s = s * r2 + sin_terms[k];
    }
    s = s * r;
    int64_t turn = (int64_t)quarter & 3;
    *cos_out = turn & 1 ? s : c;
    *sin_out = turn & 1 ? c : s;
    if (turn == 1 || turn == 2)
        *cos_out = -*cos_out;
    if (turn >= 2)
        *sin_out = -*sin_out;
}

/* Set linear (n, 2, 2) to the maps that stretch the width, then shear, then rotate. The terms are those of
 * geometry.py. */
EXPORTED void glyphgen_geometry_map(int64_t n, const double *rotation_deg, const double *shear_deg,
                                    const double *stretch, const double *cos_terms, const double *sin_terms,
                                    double *linear)
{
    for (int64_t k = 0; k < n; k++, linear += 4) {
        double c, s, shear_cos, shear_sin;
        find_cos_sin(rotation_deg[k], cos_terms, sin_terms, &c, &s);
        find_cos_sin(shear_deg[k], cos_terms, sin_terms, &shear_cos, &shear_sin);
        double slope = shear_sin / shear_cos;
        linear[0] = c * stretch[k];
        linear[1] = c * slope - s;
        linear[2] = s * stretch[k];
        linear[3] = s * slope + c;
    }
}

/* Set reach (n, 4) to the lowest x and y and the highest x and y of the hulls of cells after linear maps.
 *
 * hull_x, hull_y (n_corners, n_cells): From the point that the maps leave in place.
 * linear (n, 2, 2), pad (n): The maps, and how far ink may lie outside of its hull before them. */
EXPORTED void glyphgen_geometry_reach(int64_t n_corners, int64_t n_cells, const double *hull_x,
                                      const double *hull_y, int64_t n, const int64_t *cells,
                                      const double *linear, const double *pad, double *reach)
{
    for (int64_t k = 0; k < n; k++, linear += 4, reach += 4) {
        double low_x = INFINITY, low_y = INFINITY, high_x = -INFINITY, high_y = -INFINITY;
        for (int64_t at = cells[k]; at < n_corners * n_cells; at += n_cells) {
            double x = linear[0] * hull_x[at] + linear[1] * hull_y[at];
            double y = linear[2] * hull_x[at] + linear[3] * hull_y[at];
            low_x = x < low_x ? x : low_x;
            low_y = y < low_y ? y : low_y;
            high_x = x > high_x ? x : high_x;
            high_y = y > high_y ? y : high_y;
        }
        double pad_x = pad[k] * (fabs(linear[0]) + fabs(linear[1]));
        double pad_y = pad[k] * (fabs(linear[2]) + fabs(linear[3]));
        reach[0] = low_x - pad_x;
        reach[1] = low_y - pad_y;
        reach[2] = high_x + pad_x;
        reach[3] = high_y + pad_y;
    }
}

/* The pieces of ink of glyphgen's OutlineStore: its arrays, by their names there. */
typedef struct {
    const float *piece_x, *piece_y;
    const int64_t *piece_start;
    const int32_t *n_pieces;
} Pieces;

/* Set maps (m, 2, 3) to those of every piece of n cells, one cell after the other, each moved on its own and
 * then as its image is.
 *
 * linear (n, 2, 3): The maps of the images.
 * words (n, n_words): Of each image, one a piece: its shifts, turn and growth, of 16 bits each.
 * limits: The largest shift, turn in degrees, and growth. */
EXPORTED void glyphgen_geometry_scatter(const Pieces *pieces, int64_t n, const int64_t *cells,
                                        const double *linear, int64_t n_words, const uint64_t *words,
                                        const double *limits, const double *cos_terms,
                                        const double *sin_terms, float *maps)
{
    for (int64_t k = 0; k < n; k++, linear += 6, words += n_words) {
        const float *at_x = pieces->piece_x + pieces->piece_start[cells[k]];
        const float *at_y = pieces->piece_y + pieces->piece_start[cells[k]];
        for (int32_t piece = 0; piece < pieces->n_pieces[cells[k]]; piece++, maps += 6) {
            uint64_t word = words[piece % n_words];
            double number[4], x = at_x[piece], y = at_y[piece], c, s;
            for (int part = 0; part < 4; part++, word >>= 16)
                number[part] = (double)(word & 0xFFFF) / 32768.0 - 1.0;
            double growth = 1.0 + number[3] * limits[2];
            find_cos_sin(number[2] * limits[1], cos_terms, sin_terms, &c, &s);
            double own[4] = {c * growth, (c * 0.0 - s) * growth, s * growth, (s * 0.0 + c) * growth};
            double own_x = x + number[0] * limits[0] - own[0] * x - own[1] * y;
            double own_y = y + number[1] * limits[0] - own[2] * x - own[3] * y;
            for (int axis = 0; axis < 2; axis++) {
                const double *of_image = linear + 3 * axis;
                maps[3 * axis] = (float)(of_image[0] * own[0] + of_image[1] * own[2]);
                maps[3 * axis + 1] = (float)(of_image[0] * own[1] + of_image[1] * own[3]);
                maps[3 * axis + 2] = (float)(of_image[0] * own_x + of_image[1] * own_y + of_image[2]);
            }
        }
    }
}
