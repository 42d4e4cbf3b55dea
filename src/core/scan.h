/* scan.h: a loop whose iterations depend on earlier ones (GARCH, a forward recursion), as one node of a program.
 *
 * The body is a program of its own that runs once an iteration. Values that live longer than their iteration
 * stand in the scan's memory, the node's value: slots 0 .. n_initial - 1 are its start (argument 0 of the node), then
 * every store of every iteration has slots of its own, so that nothing is overwritten and the reverse sweep finds
 * all it needs. What an iteration computes beside is computed again by the reverse sweep, which so needs the
 * memory and one iteration's values: all of it stays in L1 but the memory, which is streamed. */
#ifndef FR_SCAN_H
#define FR_SCAN_H

#include "kernels.h"
#include "program.h"

/* Doubles of workspace for W particles, and for a node's n_args operands. */
size_t fr_scan_work(const fr_body *body, int n_args, int W);

/* in: the node's arguments. memory: slots x W, all of it written. */
void fr_scan_forward(const fr_body *body, int W, const fr_operand *in, double *memory, long slots, double *work);

/* Adds to the arguments' adjoints; memory_bar, the adjoints of the memory, is added to as well. */
void fr_scan_reverse(const fr_body *body, int W, const fr_operand *in, const double *memory, double *memory_bar, double *work);

#endif
