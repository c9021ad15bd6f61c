/* Outlines -> ink, a block of images a call; gives the same bytes as FreeType's smooth rasterizer.
 *
 * The rules of rounding are FreeType's (https://freetype.org: its API reference for outlines, and the
 * description of src/smooth/ftgrays.c of version 2.11 and later): how lines are cut at the borders of
 * pixels, and how curves become lines. All of it is arithmetic with whole numbers, so it can be had
 * exactly. Each such rule is marked "FreeType:" below.
 *
 * The data structure is another. FreeType keeps lists of the cells that lines cross, and sums the heights
 * that were crossed along each row. Here every line adds the area that lies under it to a dense plane of
 * int32, and the plane is summed down its columns, which is plain addition of vectors. Lines that are cut
 * as FreeType cuts them form a closed polygon with corners at whole 256ths of a pixel and each side within
 * one pixel; both sums are, by Green's theorem, the same whole number in every pixel.
 *
 * Coordinates are in 64ths and then in 256ths of a pixel, x to the right and y up, until they become
 * rows of the plane. Nothing here is static or shared: any number of threads may draw at once. Vectors have
 * four lanes, as every processor of 64 bits has; eight (AVX2) were measured, and gain a twentieth.
 */

#include <float.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#if defined(__SSE2__)
#include <emmintrin.h>
#endif

/* What this library was compiled from; whoever loads it compares. */
#ifndef SOURCE_DIGEST
#define SOURCE_DIGEST "unknown"
#endif

#if FLT_EVAL_METHOD != 0
#error "this compiler does not round each operation to single precision: its bytes would be others"
#endif

#define EXPORTED __attribute__((visibility("default")))
#define APART __attribute__((noinline)) /* not expanded where it is called: measured to be faster */

enum {
    ONE = 256,              /* a pixel */
    COLUMNS = 16,           /* of the plane that are summed at a time */
    LANES = 4,              /* lines that are drawn at a time */
    MOST_CROSSED = 16,      /* borders of pixels: a line that crosses fewer waits for others like it */
    MOST_WAITING = 16,      /* lines of a kind; 8 and 32 are slower */
    MOST_SIDE = 1 << 13,    /* of a frame, in pixels: 13 + 8 bits, and 9 more in products, fit in int32 */
    MOST_PIXELS = 1 << 24,  /* of a frame: 64 MiB of plane */
    MOST_64THS = 1 << 19,   /* of a coordinate: 8,192 pixels from the frame's corner */
    MOST_HALVINGS = 16,     /* of a cubic curve, one within the other, as in FreeType */
    CONIC = 0, ON = 1, CUBIC = 2, TAG_BITS = 3 /* FreeType's FT_CURVE_TAG */
};

typedef struct { int32_t x, y; } Point;
typedef struct { Point from, to; } Line;

/* Whole numbers, one a line, and the vectors of the compiler for them. */
typedef int32_t Ints __attribute__((vector_size(4 * LANES)));

/* One image in the making.
 *
 * The pixel in row r, from the top, and column c stands at plane[r * stride + c]. One more column on
 * either side, one more row above and two below take what lies outside of the frame. */
typedef struct {
    uint32_t *plane;
    int32_t stride, height, width;
    int inside; /* whether no line leaves the frame and these margins */
    int onto;   /* whether pixels without ink stay as they are */
    Point pen;
    int32_t n_waiting[MOST_CROSSED]; /* lines, by how many borders of pixels they cross */
    Line waiting[MOST_CROSSED][MOST_WAITING];
} Canvas;

static inline int32_t clamp(int32_t value, int32_t least, int32_t most)
{
    return value < least ? least : value > most ? most : value;
}

static inline int32_t size_of(int32_t value)
{
    return value < 0 ? -value : value;
}

/* Where a pixel, or the margin that stands for it, is in the plane. */
static inline int32_t find_cell(const Canvas *canvas, int32_t row, int32_t column)
{
    return clamp(row, -1, canvas->height) * canvas->stride + clamp(column, -1, canvas->width);
}

/* Add what lies under a section of a line within one pixel: twice its area there to the pixel, and what is left
 * of twice the section's width to the pixel below, so that all pixels below get that width when they are
 * summed. Unsigned: where so many contours overlap that the sum runs over, it does so in FreeType, too. */
static inline void add(const Canvas *canvas, int32_t cell, int32_t twice_area, int32_t twice_width)
{
    uint32_t *at = canvas->plane + cell;
    at[0] += (uint32_t)twice_area;
    at[canvas->stride] += (uint32_t)(twice_width - twice_area);
}

/* `width` is that of the section, negative to the left; `heights` is the sum of its ends' heights. */
static inline void add_section(const Canvas *canvas, int32_t cell, int32_t width, int32_t heights)
{
    add(canvas, cell, width * heights, width * 2 * ONE);
}

/* Add a level line. FreeType leaves these out, since they cross no row. */
static void draw_level(const Canvas *canvas, int32_t x, int32_t to_x, int32_t y)
{
    int32_t row = canvas->height - 1 - (y >> 8), column = x >> 8, last = to_x >> 8;
    int32_t step = to_x > x ? 1 : -1, border = to_x > x ? ONE : 0, fx = x & 255, heights = 2 * (y & 255);
    for (; column != last; column += step, fx = ONE - border)
        add_section(canvas, find_cell(canvas, row, column), border - fx, heights);
    add_section(canvas, find_cell(canvas, row, column), (to_x & 255) - fx, heights);
}

/* a where the mask is all ones, b where it is all zeros. */
static inline Ints choose(Ints mask, Ints a, Ints b)
{
    return (a & mask) | (b & ~mask);
}

static inline Ints repeat(int32_t value)
{
    return (Ints){value, value, value, value};
}

/* a where the sign is 0, -a where it is -1. */
static inline Ints turn(Ints sign, Ints a)
{
    return (a ^ sign) - sign;
}

/* The upper halves of the products of unsigned numbers of 32 bits. */
static inline Ints multiply_high(Ints a, Ints b)
{
#if defined(__SSE2__)
    __m128i one = (__m128i)a, other = (__m128i)b, upper = _mm_set_epi32(-1, 0, -1, 0);
    __m128i even = _mm_mul_epu32(one, other);
    __m128i odd = _mm_mul_epu32(_mm_srli_epi64(one, 32), _mm_srli_epi64(other, 32));
    return (Ints)_mm_or_si128(_mm_srli_epi64(even, 32), _mm_and_si128(odd, upper));
#else
    Ints high;
    for (int k = 0; k < LANES; k++)
        high[k] = (int32_t)((uint64_t)(uint32_t)a[k] * (uint32_t)b[k] >> 32);
    return high;
#endif
}

static inline Ints invert(Ints steps)
{
    Ints inverse;
    for (int k = 0; k < LANES; k++)
        inverse[k] = steps[k] ? (int32_t)(UINT32_MAX / (uint32_t)steps[k]) : 0;
    return inverse;
}

static inline void add_sections(const Canvas *canvas, int n, Ints cell, Ints width, Ints heights)
{
    Ints twice_area = width * heights, twice_width = width * (2 * ONE);
    for (int k = 0; k < n; k++)
        add(canvas, cell[k], twice_area[k], twice_width[k]);
}

static inline Ints find_cells(const Canvas *canvas, Ints row, Ints column)
{
    Ints cell;
    for (int k = 0; k < LANES; k++)
        cell[k] = find_cell(canvas, row[k], column[k]);
    return cell;
}

/* Add up to LANES lines, neither level nor upright, that all cross as many borders of pixels.
 *
 * FreeType: the cross products of a line with the corners of a pixel say by their signs whether the line
 * leaves it through its side or its end (top or bottom), and follow exactly from pixel to pixel. The
 * crossing is a quotient, rounded down, by a product with the reciprocal of the step that is rounded down as
 * well: at a whole 256th it may come out one lower.
 *
 * Here `rest` is that product at the corner ahead, with the sign that makes it negative where the line leaves
 * through the end. FreeType's comparisons of the four directions differ in whether they hold at zero; for
 * lines that go left and up 1 is taken off instead. The dividend is `rest` again, with an offset. */
static inline void draw_lines(const Canvas *canvas, const Line *lines, int n, int32_t n_crossed,
                              const int inside)
{
    const Line *a = lines, *b = lines + (n > 1), *c = lines + 2 * (n > 2), *d = lines + 3 * (n > 3);
    Ints x = {a->from.x, b->from.x, c->from.x, d->from.x}, to_x = {a->to.x, b->to.x, c->to.x, d->to.x};
    Ints y = {a->from.y, b->from.y, c->from.y, d->from.y}, to_y = {a->to.y, b->to.y, c->to.y, d->to.y};
    Ints dx = to_x - x, dy = to_y - y, left = dx >> 31, down = dy >> 31, up = ~down, right = ~left;
    Ints fx = x & 255, fy = y & 255, column = x >> 8, row = canvas->height - 1 - (y >> 8);
    Ints cell = inside ? row * canvas->stride + column : find_cells(canvas, row, column);
    Ints step_x = turn(left, dx), step_y = turn(down, dy), along = step_x * ONE, across = step_y * ONE;
    Ints per_x = invert(step_x), per_y = invert(step_y);

    Ints rest = turn(~(left ^ down), dx * fy - dy * fx) + (up & (along + left)) - (right & across);
    Ints side_from = up & (along + left), end_from = (right & across) | (left & up);
    Ints side_out = right & ONE, side_in = left & ONE, end_out = up & ONE, end_in = down & ONE;
    Ints side_step = left | 1, end_step = (down & 2) - 1;
    Ints end_stride = turn(up, repeat(canvas->stride));
    for (int32_t k = 0; k < n_crossed; k++) {
        Ints end = rest >> 31;
        Ints dividend = choose(end, end_from, side_from) + turn(choose(end, left, up), rest);
        Ints crossing = multiply_high(dividend, choose(end, per_y, per_x));
        add_sections(canvas, n, cell, choose(end, crossing, side_out) - fx,
                     fy + choose(end, end_out, crossing));
        rest += choose(end, along, -across);
        fx = choose(end, crossing, side_in);
        fy = choose(end, end_in, crossing);
        if (inside) {
            cell += choose(end, end_stride, side_step);
        } else {
            column += ~end & side_step;
            row += end & end_step;
            cell = find_cells(canvas, row, column);
        }
    }
    add_sections(canvas, n, cell, (to_x & 255) - fx, fy + (to_y & 255));
}

/* Draw the lines that wait for others which cross as many borders. */
static APART void draw_waiting(Canvas *canvas, int32_t n_crossed)
{
    const Line *lines = canvas->waiting[n_crossed];
    int32_t n = canvas->n_waiting[n_crossed];
    canvas->n_waiting[n_crossed] = 0;
    if (n_crossed) {
        for (; n > 0; n -= LANES, lines += LANES)
            draw_lines(canvas, lines, n < LANES ? n : LANES, n_crossed, 1);
    } else {
        for (; n > 0; n--, lines++) {
            int32_t row = canvas->height - 1 - (lines->from.y >> 8), column = lines->from.x >> 8;
            add_section(canvas, row * canvas->stride + column, lines->to.x - lines->from.x,
                      (lines->from.y & 255) + (lines->to.y & 255));
        }
    }
}

static void draw_all_waiting(Canvas *canvas)
{
    for (int32_t n_crossed = 0; n_crossed < MOST_CROSSED; n_crossed++)
        if (canvas->n_waiting[n_crossed])
            draw_waiting(canvas, n_crossed);
}

/* Add a line of a kind that is rare. */
static APART void draw_rare_line(Canvas *canvas, Line line, int32_t n_crossed)
{
    if (line.from.x == line.to.x || (line.from.y < 0 && line.to.y < 0))
        return; /* nothing lies under an upright line, and nothing in the frame under one below it */
    if (line.from.y == line.to.y)
        draw_level(canvas, line.from.x, line.to.x, line.to.y);
    else if (canvas->inside)
        draw_lines(canvas, &line, 1, n_crossed, 1);
    else
        draw_lines(canvas, &line, 1, n_crossed, 0);
}

static inline void draw_line(Canvas *canvas, Point to)
{
    Line line = {canvas->pen, to};
    int32_t wide = (to.x >> 8) - (line.from.x >> 8), high = (to.y >> 8) - (line.from.y >> 8);
    int32_t n_crossed = size_of(wide) + size_of(high);
    canvas->pen = to;
    if (canvas->inside && n_crossed < MOST_CROSSED && line.from.x != to.x && line.from.y != to.y) {
        int32_t n = canvas->n_waiting[n_crossed]++;
        canvas->waiting[n_crossed][n] = line;
        if (n == MOST_WAITING - 1)
            draw_waiting(canvas, n_crossed);
    } else {
        draw_rare_line(canvas, line, n_crossed);
    }
}

static inline int32_t larger_size(int32_t a, int32_t b)
{
    a = size_of(a);
    b = size_of(b);
    return a > b ? a : b;
}

/* FreeType: a quadratic curve is halved until its second difference, which every halving quarters (rounded
 * down), is at most a quarter of a pixel. Its points are then found by differences in 32.32 fixed point, and
 * rounded down. */
static void draw_conic(Canvas *canvas, Point control, Point to)
{
    Point from = canvas->pen;
    int32_t bx = control.x - from.x, by = control.y - from.y;
    int32_t ax = to.x - control.x - bx, ay = to.y - control.y - by;
    int32_t top = canvas->height * ONE, n_halvings = 0;
    for (int32_t difference = larger_size(ax, ay); difference > ONE / 4; difference >>= 2)
        n_halvings++;
    /* FreeType: the line to its end stands for a curve that is wholly above or below the frame. */
    if (n_halvings == 0 || (from.y < 0 && control.y < 0 && to.y < 0)
        || (from.y >= top && control.y >= top && to.y >= top)) {
        draw_line(canvas, to);
        return;
    }
    const int64_t unit = (int64_t)1 << 32;
    int64_t rx = ax * (2 * unit >> 2 * n_halvings), ry = ay * (2 * unit >> 2 * n_halvings);
    int64_t qx = bx * (2 * unit >> n_halvings) + rx / 2, qy = by * (2 * unit >> n_halvings) + ry / 2;
    int64_t px = from.x * unit, py = from.y * unit;
    for (int32_t n = (int32_t)1 << n_halvings; n; n--) {
        px += qx;
        py += qy;
        qx += rx;
        qy += ry;
        draw_line(canvas, (Point){(int32_t)(px >> 32), (int32_t)(py >> 32)});
    }
}

static inline int is_flat(int32_t end, int32_t control2, int32_t control1, int32_t start)
{
    return larger_size(2 * end - 3 * control2 + start, end - 3 * control1 + 2 * start) <= ONE / 2;
}

/* FreeType: the halves of a cubic curve; every point is rounded down once. Its coordinates on one axis, from
 * the end to the start, are every second number; four become seven. */
static inline void halve(int32_t *p)
{
    int32_t a = p[0] + p[2], b = p[2] + p[4], c = p[4] + p[6];
    p[12] = p[6];
    p[10] = c >> 1;
    p[8] = (b + c) >> 2;
    p[6] = (a + 2 * b + c) >> 3;
    p[4] = (a + b) >> 2;
    p[2] = a >> 1;
}

/* FreeType: a cubic curve is halved until three times the distance of its control points from the thirds of
 * its chord is at most half a pixel on either axis. Returns whether that came before too many halvings. */
static int draw_cubic(Canvas *canvas, Point control1, Point control2, Point to)
{
    /* Arcs from the last to the first, each from its end to its start, which is the end of the next. */
    Point arcs[3 * MOST_HALVINGS + 1] = {to, control2, control1, canvas->pen}, *arc = arcs;
    int32_t top = canvas->height * ONE;
    if ((arc[0].y < 0 && arc[1].y < 0 && arc[2].y < 0 && arc[3].y < 0)
        || (arc[0].y >= top && arc[1].y >= top && arc[2].y >= top && arc[3].y >= top)) {
        draw_line(canvas, to);
        return 1;
    }
    while (arc >= arcs) {
        if (is_flat(arc[0].x, arc[1].x, arc[2].x, arc[3].x)
            && is_flat(arc[0].y, arc[1].y, arc[2].y, arc[3].y)) {
            draw_line(canvas, arc[0]);
            arc -= 3;
        } else if (arc == arcs + 3 * (MOST_HALVINGS - 1)) {
            return 0;
        } else {
            halve((int32_t *)arc);
            halve((int32_t *)arc + 1);
            arc += 3;
        }
    }
    return 1;
}

/* Coordinates in 64ths. */
typedef struct { const int32_t *x, *y; } Points;

static inline Point get(Points points, int32_t k)
{
    return (Point){points.x[k], points.y[k]};
}

static inline Point to_256ths(Point point)
{
    return (Point){point.x * (ONE / 64), point.y * (ONE / 64)};
}

/* FreeType: the middle of two quadratic control points, in 64ths, rounded towards zero. */
static inline Point find_middle(Point a, Point b)
{
    return (Point){(a.x + b.x) / 2, (a.y + b.y) / 2};
}

/* Draw one contour. Returns whether it is one.
 *
 * FreeType: one that begins with a quadratic control point begins at its last point, if that is on the
 * curve, or else in the middle of the two. */
static int draw_contour(Canvas *canvas, Points points, const uint8_t *tags, int32_t n)
{
    Point start = get(points, 0);
    int32_t k = 1;
    if ((tags[0] & TAG_BITS) == CONIC) {
        k = 0;
        if ((tags[n - 1] & TAG_BITS) == ON)
            start = get(points, --n);
        else
            start = find_middle(start, get(points, n - 1));
    } else if ((tags[0] & TAG_BITS) != ON) {
        return 0;
    }
    canvas->pen = to_256ths(start);
    while (k < n) {
        int tag = tags[k] & TAG_BITS, next = k + 1 < n ? tags[k + 1] & TAG_BITS : ON;
        if (tag == ON) {
            draw_line(canvas, to_256ths(get(points, k++)));
        } else if (tag == CONIC && (next == ON || next == CONIC)) {
            Point control = get(points, k++), end = k < n ? get(points, k) : start;
            if (next == CONIC)
                end = find_middle(control, end);
            else
                k++;
            draw_conic(canvas, to_256ths(control), to_256ths(end));
        } else if (tag == CUBIC && k + 1 < n && next == CUBIC) {
            Point end = k + 2 < n ? get(points, k + 2) : start;
            Point control1 = get(points, k), control2 = get(points, k + 1);
            if (!draw_cubic(canvas, to_256ths(control1), to_256ths(control2), to_256ths(end)))
                return 0;
            k += 3;
        } else {
            return 0;
        }
    }
    draw_line(canvas, to_256ths(start));
    return 1;
}

/* Draw all contours to the plane. Returns whether they are contours. */
static APART int draw_contours(Canvas *canvas, Points points, const uint8_t *tags, const int16_t *ends,
                         int32_t n_contours)
{
    int32_t first = 0, is_drawn = 1;
    for (int32_t k = 0; k < n_contours && is_drawn; first = ends[k++] + 1)
        is_drawn = draw_contour(canvas, (Points){points.x + first, points.y + first}, tags + first,
                                ends[k] + 1 - first);
    draw_all_waiting(canvas);
    return is_drawn;
}

static int are_contours(const int16_t *ends, int32_t n_contours, int32_t n_points)
{
    int32_t last = -1;
    for (int32_t k = 0; k < n_contours; last = ends[k++])
        if (ends[k] <= last)
            return 0;
    return last == n_points - 1;
}

/* FreeType: sums become 256 shades, rounded down; what runs the other way round is ink as well, and what
 * lies over another is ink once. */
static inline void shade(const Ints sums[COLUMNS / LANES], uint8_t ink[COLUMNS])
{
#if defined(__SSE2__)
    /* Saturation to 16 bits keeps the sign, and whether a shade is more than 255. */
    __m128i left = _mm_packs_epi32((__m128i)(sums[0] >> 9), (__m128i)(sums[1] >> 9));
    __m128i right = _mm_packs_epi32((__m128i)(sums[2] >> 9), (__m128i)(sums[3] >> 9));
    left = _mm_xor_si128(left, _mm_srai_epi16(left, 15));
    right = _mm_xor_si128(right, _mm_srai_epi16(right, 15));
    _mm_storeu_si128((__m128i *)ink, _mm_packus_epi16(left, right));
#else
    for (int k = 0; k < COLUMNS; k++) {
        int32_t shade = sums[k / LANES][k % LANES] >> 9;
        shade ^= shade >> 31;
        ink[k] = (uint8_t)(shade > 255 ? 255 : shade);
    }
#endif
}

/* Sum columns of the plane, from a row down to another, into an image, and leave them zero. */
static void sum_columns(const Canvas *canvas, int32_t column, int32_t row, int32_t last_row, uint8_t *image)
{
    Ints sums[COLUMNS / LANES] = {{0}};
    size_t n = (size_t)(canvas->width - column < COLUMNS ? canvas->width - column : COLUMNS);
    for (; row <= last_row; row++) {
        Ints *cells = (Ints *)(canvas->plane + row * canvas->stride + column);
        uint8_t ink[COLUMNS];
        for (int k = 0; k < COLUMNS / LANES; k++) {
            sums[k] += cells[k];
            cells[k] = (Ints){0};
        }
        shade(sums, ink);
        if (row < 0)
            continue;
        uint8_t *pixels = image + (ptrdiff_t)row * canvas->width + column;
        if (canvas->onto) {
            for (size_t k = 0; k < n; k++)
                pixels[k] = sums[k / LANES][k % LANES] ? ink[k] : pixels[k];
        } else if (n == COLUMNS) {
            memcpy(pixels, ink, COLUMNS); /* of a size that the compiler knows: one store */
        } else {
            memcpy(pixels, ink, n);
        }
    }
}

/* Sum all of the plane that lines in a box, in 64ths, may have reached. */
static APART void sum_plane(const Canvas *canvas, Point least, Point most, uint8_t *image)
{
    int32_t width = canvas->width, height = canvas->height;
    int32_t row = clamp(height - 1 - (most.y >> 6), -1, height);
    int32_t last_row = clamp(height - (least.y >> 6), 0, height - 1); /* one below the lowest line */
    int32_t column = clamp(least.x >> 6, 0, width) / COLUMNS * COLUMNS;
    int32_t last_column = clamp(most.x >> 6, -1, width - 1);
    if (!canvas->onto)
        memset(image, 0, (size_t)height * (size_t)width);
    for (; column <= last_column; column += COLUMNS)
        sum_columns(canvas, column, row, last_row, image);
}

/* Round coordinates as C's rint does, half to even, and find the least and the most. Returns whether all
 * are within the limits: NaN is not.
 *
 * Adding 1.5 * 2^23 leaves a float no bits for fractions; its bits are then a number that counts from there. */
static int round_coordinates(const float *coordinates, int32_t n, int32_t *rounded, int32_t *least_out,
                             int32_t *most_out)
{
    const float start = 12582912.0f;
    uint32_t start_bits;
    memcpy(&start_bits, &start, sizeof start);
    int32_t least = MOST_64THS, most = -MOST_64THS;
    for (int32_t k = 0; k < n; k++) {
        float sum = coordinates[k] + start;
        uint32_t bits;
        memcpy(&bits, &sum, sizeof sum);
        int32_t whole = (int32_t)(bits - start_bits);
        rounded[k] = whole;
        least = whole < least ? whole : least;
        most = whole > most ? whole : most;
    }
    *least_out = least;
    *most_out = most;
    return least >= -MOST_64THS && most <= MOST_64THS;
}

/* The outlines of glyphgen's OutlineStore: its arrays, by their names there. */
typedef struct {
    const float *x, *y, *normal_x, *normal_y;
    const int16_t *bend;
    const uint16_t *piece;
    const uint8_t *tag;
    const int16_t *contour_end;
    const int64_t *point_start, *contour_start;
    const int32_t *n_points, *n_contours, *n_pieces;
} Store;

/* How the outlines of n images are moved: the arrays of glyphgen's Moves, by their names there. */
typedef struct {
    const float *half_weight, *nodes, *bend_scale, *maps;
    const int64_t *first_map;
    intptr_t n_nodes, by_piece;
} Moves;

/* Where a node goes, and the next one, which may be none: whole numbers of 13 bits. */
static inline int32_t pair_nodes(const float *nodes, int64_t node, int64_t n_nodes, int axis)
{
    uint32_t one = (uint16_t)(int16_t)nodes[2 * node + axis];
    uint32_t next = node + 1 < n_nodes ? (uint16_t)(int16_t)nodes[2 * node + 2 + axis] : 0;
    return (int32_t)(one | next << 16);
}

/* Move points by their shares of the nodes' moves. The products and their sums are whole numbers below 2^24, of
 * which single precision loses nothing, in any order. */
static void bend_points(const int16_t *shares, const float *nodes, int64_t n_nodes, float scale, int32_t n,
                        float *x, float *y)
{
    const float unit = 1.0f / 1024;
    int32_t point = 0;
#if defined(__SSE2__)
    const __m128 units = _mm_set1_ps(unit), scales = _mm_set1_ps(scale);
    for (; point + 8 <= n; point += 8) {
        __m128i bent[2][2] = {{_mm_setzero_si128(), _mm_setzero_si128()},
                              {_mm_setzero_si128(), _mm_setzero_si128()}};
        for (int64_t node = 0; node < n_nodes; node += 2) {
            const int16_t *own = shares + node * n + point;
            __m128i one = _mm_loadu_si128((const __m128i *)own), next = _mm_setzero_si128();
            if (node + 1 < n_nodes)
                next = _mm_loadu_si128((const __m128i *)(own + n));
            __m128i first = _mm_unpacklo_epi16(one, next), last = _mm_unpackhi_epi16(one, next);
            for (int axis = 0; axis < 2; axis++) {
                __m128i pair = _mm_set1_epi32(pair_nodes(nodes, node, n_nodes, axis));
                bent[axis][0] = _mm_add_epi32(bent[axis][0], _mm_madd_epi16(first, pair));
                bent[axis][1] = _mm_add_epi32(bent[axis][1], _mm_madd_epi16(last, pair));
            }
        }
        for (int axis = 0; axis < 2; axis++) {
            for (int half = 0; half < 2; half++) {
                float *at = (axis ? y : x) + point + 4 * half;
                __m128 moved = _mm_mul_ps(_mm_mul_ps(_mm_cvtepi32_ps(bent[axis][half]), units), scales);
                _mm_storeu_ps(at, _mm_add_ps(_mm_loadu_ps(at), moved));
            }
        }
    }
#endif
    for (; point < n; point++) {
        int32_t bent_x = 0, bent_y = 0;
        for (int64_t node = 0; node < n_nodes; node++) {
            int32_t share = shares[node * n + point];
            bent_x += share * (int32_t)nodes[2 * node];
            bent_y += share * (int32_t)nodes[2 * node + 1];
        }
        x[point] += (float)bent_x * unit * scale;
        y[point] += (float)bent_y * unit * scale;
    }
}

static inline void map_points(const float *map, int32_t n, float *restrict x, float *restrict y)
{
    float xx = map[0], xy = map[1], x0 = map[2], yx = map[3], yy = map[4], y0 = map[5];
    for (int32_t k = 0; k < n; k++) {
        float moved_x = xx * x[k] + xy * y[k] + x0;
        y[k] = yx * x[k] + yy * y[k] + y0;
        x[k] = moved_x;
    }
}

/* Move the points of one outline: by its weight, by its bends, then by its map, or by those of its pieces.
 * Every step is one operation in single precision, in the order that moving.py has. Returns whether every
 * piece has a map. */
static int move_points(const Store *store, const Moves *moves, int64_t image, int64_t cell, float *x, float *y)
{
    int64_t start = store->point_start[cell];
    int32_t n = store->n_points[cell];
    float half = moves->half_weight[image];
    const float *map = moves->maps + 6 * moves->first_map[image];
    memcpy(x, store->x + start, (size_t)n * sizeof *x);
    memcpy(y, store->y + start, (size_t)n * sizeof *y);
    if (half != 0) {
        for (int32_t k = 0; k < n; k++) {
            x[k] += half * store->normal_x[start + k];
            y[k] += half * store->normal_y[start + k];
        }
    }
    if (moves->n_nodes)
        bend_points(store->bend + start * moves->n_nodes, moves->nodes + 2 * image * moves->n_nodes,
                    moves->n_nodes, moves->bend_scale[image], n, x, y);
    if (!moves->by_piece) {
        map_points(map, n, x, y);
        return 1;
    }
    const uint16_t *piece = store->piece + start;
    for (int32_t k = 0, first = 0; k < n; first = k) {
        if (piece[first] >= store->n_pieces[cell])
            return 0;
        while (k < n && piece[k] == piece[first])
            k++;
        map_points(map + 6 * piece[first], k - first, x + first, y + first);
    }
    return 1;
}

/* Draw one outline into an image. Returns whether it is drawn. */
static int draw_outline(Canvas *canvas, const Store *store, int64_t cell, const float *x, const float *y,
                        int32_t *rounded, uint8_t *image)
{
    int32_t n_points = store->n_points[cell], n_contours = store->n_contours[cell];
    const int16_t *ends = store->contour_end + store->contour_start[cell];
    Points points = {rounded, rounded + n_points};
    Point least, most;
    if (!are_contours(ends, n_contours, n_points)
        || !round_coordinates(x, n_points, rounded, &least.x, &most.x)
        || !round_coordinates(y, n_points, rounded + n_points, &least.y, &most.y))
        return 0;
    canvas->inside = least.x >= -64 && most.x < 64 * (canvas->width + 1) && least.y >= -64
                     && most.y < 64 * (canvas->height + 1);
    int is_drawn = draw_contours(canvas, points, store->tag + store->point_start[cell], ends, n_contours);
    sum_plane(canvas, least, most, image);
    return is_drawn;
}

EXPORTED const char *glyphgen_kernel_source(void)
{
    return SOURCE_DIGEST;
}

/* Draw the outlines of n cells into images.
 *
 * moves: How their points move, to 64ths of a pixel from the lower left corner of the frame, y up. Or NULL:
 * then x, y (n, longest) are points that have been moved, padded at the ends of their rows.
 * longest: Points of the longest outline, or more.
 * images: All of them, height * width bytes each; rows[k] is the place of the image of cells[k]. Every byte of it
 * is set; or, if `onto`, those that FreeType sets in an image that is there: where the sum is not zero.
 * taken[k]: Set to 1, or to 0 where the image is left to FreeType: its outline is one that FreeType may
 * refuse, or has numbers beyond the limits above.
 */
EXPORTED void glyphgen_raster_draw(const Store *store, int64_t n, const int64_t *cells, const Moves *moves,
                                   int64_t longest, const float *x, const float *y, int64_t height,
                                   int64_t width, uint8_t *images, const int64_t *rows, int64_t onto,
                                   uint8_t *taken)
{
    memset(taken, 0, (size_t)n);
    if (height < 1 || width < 1 || height > MOST_SIDE || width > MOST_SIDE || height * width > MOST_PIXELS)
        return;
    int64_t stride = (width + COLUMNS) / COLUMNS * COLUMNS; /* at least one more than the width */
    char *memory = calloc((size_t)((height + 3) * stride + 2 * COLUMNS), sizeof(uint32_t));
    int32_t *rounded = calloc((size_t)longest + 1, 2 * sizeof(int32_t));
    float *moved = calloc((size_t)longest + 1, 2 * sizeof(float));
    if (memory && rounded && moved) {
        /* A row begins where a line of the cache does, and there is a column before the first. */
        uint32_t *plane = (uint32_t *)(memory + (-(uintptr_t)memory & 63)) + COLUMNS;
        Canvas canvas = {
            .plane = plane + stride,
            .stride = (int32_t)stride,
            .height = (int32_t)height,
            .width = (int32_t)width,
            .onto = onto != 0,
        };
        for (int64_t k = 0; k < n; k++) {
            uint8_t *image = images + rows[k] * height * width;
            const float *own_x = moved, *own_y = moved + longest;
            if (!moves) {
                own_x = x + k * longest;
                own_y = y + k * longest;
            } else if (!move_points(store, moves, k, cells[k], moved, moved + longest)) {
                continue;
            }
            taken[k] = (uint8_t)draw_outline(&canvas, store, cells[k], own_x, own_y, rounded, image);
        }
    }
    free(moved);
    free(rounded);
    free(memory);
}
