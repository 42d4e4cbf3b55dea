/* program.h: a model as a list of operations, and its interpreter: the log density over the unconstrained
 * vector and its gradient by reverse mode, for S points at once.
 *
 * The program is in static single assignment: node i reads nodes before it. Nodes are placed when it is
 * loaded:
 *   CONST  data, one copy, shared by all particles
 *   WHOLE  kept for all its elements
 *   ROW    runs along the rows of a loop and exists only for a chunk of rows at a time
 *   TERM   adds to the log density inside a loop (or whole, for vector events)
 *   DEAD   read by nobody
 * Evaluation: WHOLE nodes forward; then for each loop, chunk by chunk, rows forward, density and partials at
 * once, rows backward; then WHOLE nodes backward. A chunk's buffers stay in L1 and only sums leave it.
 * A loop that is worth it is cut into FR_BLOCKS blocks of rows; what each adds to the log density and to the adjoints of
 * WHOLE nodes is summed apart and then added in the order of the blocks, by one thread or by several: the bits are the same.
 * Particles go through in groups of FR_LANES (one particle alone has W = 1); the groups visit a chunk one
 * after the other, so that data is read from memory once for all of them. In a program with many rows the last
 * FR_MAX_SINGLES or fewer of a batch, too few for a group, have W = 1 each and visit a chunk together, node by node: a matrix
 * is loaded once for all of them. */
#ifndef FR_PROGRAM_H
#define FR_PROGRAM_H

#include "core.h"
#include "dist.h"
#include "ops.h"

/* Rows of a chunk: about 3 kB a buffer, of a batch without a group and of any other. Constants of the build: they decide in which
 * order sums are taken, so they are the same on every machine. */
#define FR_CHUNK_ROWS_1 256
#define FR_CHUNK_ROWS_8 48
/* Chunks of the groups after which the particles with W = 1 beside them visit all of their rows. */
#define FR_CHUNK_SPAN 5
/* Blocks of rows of a loop that costs FR_BLOCKS_WORTH (operations a particle, roughly) or more: likewise constants. */
#define FR_BLOCKS 16
#define FR_BLOCKS_WORTH 250000
/* Groups of particles that go through the program together. */
#define FR_MAX_GROUPS 4
/* Particles too few for a group go with W = 1 each in programs whose loops cost FR_SINGLES_WORTH: below, it is the visits that cost. */
#define FR_MAX_SINGLES 4
#define FR_SINGLES_WORTH 10000

enum fr_place { FR_PLACE_DEAD, FR_PLACE_CONST, FR_PLACE_WHOLE, FR_PLACE_ROW, FR_PLACE_TERM };

/* What the caller hands in: arrays that outlive the program. Node i has len[i] elements, arguments
 * arg[arg_start[i] .. arg_start[i + 1] - 1] and attributes ints[int_start[i] ..]. */
typedef struct fr_body fr_body;
typedef struct {
  int d, n_nodes, n_terms;
  const int *op, *len, *arg_start, *arg, *int_start, *ints;
  int n_consts;
  const double *const *constant;
  const int *constant_len;
  int n_index;
  const int *const *index;     /* 0-based */
  const int *index_len;
  int n_dists;
  const fr_dist *const *dist;
  int n_bodies;
  const fr_body *body;
} fr_program_spec;

/* The body of a loop, see scan.h: its code has leaves SCAN_INPUT and SCAN_LOAD instead of sites and constants, and
 * shares the program's index. */
struct fr_body {
  int iterations, n_initial;
  fr_program_spec code;
};

typedef struct {
  int rows;           /* length of the loop */
  int first, count;   /* its nodes: order[first .. first + count - 1], ascending */
  int buffers;        /* chunk buffers it needs */
  int blocks;         /* 1 or FR_BLOCKS */
} fr_loop;

typedef struct {
  fr_program_spec spec;
  int *place;         /* enum fr_place, a node */
  size_t *at;         /* WHOLE: elements before it; ROW: chunk buffers before it */
  const double **data;/* CONST: its values */
  int *order;         /* nodes of the loops */
  int *whole;         /* WHOLE nodes and whole TERMs, ascending */
  int n_whole;
  fr_loop *loop;
  int n_loops;
  size_t whole_size;  /* elements of all WHOLE nodes */
  int max_buffers;
  size_t max_map_work;  /* largest workspace of the maps of vector sites */
  size_t max_dist_work; /* largest workspace of their distributions */
  size_t max_event_values;
  size_t max_scratch; /* doubles that factorisations and scans need */
  int any_blocks;     /* has a loop more than one? */
  int singles_pay;    /* do the loops cost FR_SINGLES_WORTH? */
  int threads;        /* that loops in blocks may use; 1 when loaded. Set it before asking for the workspace */
  int (*poll)(void *poll_data); /* NULL, or asked about every millisecond by the calling thread; not 0: stop */
  void *poll_data;
} fr_program;

/* Bytes that fr_program_load needs for its plan. */
size_t fr_program_plan_bytes(const fr_program_spec *spec);

/* Check the spec and plan its evaluation into memory (fr_program_plan_bytes, aligned for any type; it must
 * outlive the program). keep_all: every node is placed WHOLE, for fr_program_values. On an error *bad_node
 * says which node. Cost O(nodes + arguments). */
int fr_program_load(const fr_program_spec *spec, int keep_all, void *memory, fr_program *program, int *bad_node);

/* Doubles of workspace for S particles at once, or for fewer. */
size_t fr_program_work(const fr_program *program, int S);

/* log_prob[S], and unless NULL gradient (d x ld) and terms (n_terms x ld), at z (d x ld, entry [j * ld + s]).
 * Never fails on a non-finite density: the entries say so. work: fr_program_work(program, S) doubles. */
int fr_program_eval(const fr_program *program, int S, size_t ld, const double *z, double *log_prob,
                    double *gradient, double *terms, double *work);

/* Values of n nodes at S points: out[k] (len x S, entry [i * S + s]). The program was loaded with keep_all. */
int fr_program_values(const fr_program *program, int S, size_t ld, const double *z, int n, const int *node,
                      double *const *out, double *work);

#endif
