# The memory of a traced loop: names that its body reads before it assigns them, or fills element by element.
#
# Every read and every assignment is an event: `at` holds the numbers of the elements, one column an iteration. When the body
# is compiled, the events are played through once, iteration by iteration, to find which assignment each read sees. So every
# assignment has places of its own, nothing is ever overwritten, and what nobody reads is left out.

memory_of <- function(name, ctx) {
  trace <- ctx$trace
  if (!is.null(trace$memory[[name]])) return(trace$memory[[name]])
  mem <- new.env(parent = emptyenv())
  mem$name <- name
  mem$initial <- if (exists(name, ctx$latent, inherits = FALSE)) ctx$latent[[name]] else ctx$values[[name]]
  mem$start <- if (is_parts(mem$initial)) length(mem$initial$parts) else if (is.null(mem$initial)) 0L else value_length(mem$initial)
  mem$dim <- if (is_parts(mem$initial)) mem$initial$dim else value_dim(mem$initial)
  mem$dimnames <- if (is_node(mem$initial) || is_parts(mem$initial)) mem$initial$dimnames
  mem$events <- list()
  assign(name, mem, trace$memory)
  mem
}

add_event <- function(mem, ...) mem$events[[length(mem$events) + 1L]] <- list(...)

memory_shape <- function(mem) new_node(0L, mem$start, mem$dim, mem$dimnames)

load_elements <- function(mem, index, ctx) {
  at <- index_numbers(memory_shape(mem), index, ctx$trace$n, open = is.null(mem$dim))
  node <- load_numbers(mem, at$numbers, ctx)
  node$dim <- at$dim
  node
}

load_whole <- function(mem, ctx) {
  written <- vapply(mem$events, function(e) if (e$type == "store") max(e$at) else 0L, 0L)
  n <- max(mem$start, written)
  if (!n) abort_trace("a name is read before it is assigned")
  add_event(mem, type = "extent", k = n)
  node <- load_numbers(mem, matrix(seq_len(n), n, ctx$trace$n), ctx)
  node$dim <- mem$dim
  node$dimnames <- mem$dimnames
  node
}

# The elements' value: known from an assignment or a read earlier in the same iteration, or a read of memory.
load_numbers <- function(mem, at, ctx) {
  same <- function(e, row) any(e$at[rep(seq_len(nrow(e$at)), nrow(row)), ] == row[rep(seq_len(nrow(row)), each = nrow(e$at)), ])
  for (e in rev(mem$events)) {
    if (e$type == "extent") next
    if (identical(e$at, at)) return(e$node)
    if (e$type != "store" || !same(e, at)) next
    if (nrow(at) == 1L || nrow(at) > 64L) break
    each <- lapply(seq_len(nrow(at)), function(j) load_numbers(mem, at[j, , drop = FALSE], ctx))
    return(join(ctx, each))
  }
  node <- add_plain_node(ctx$b, "scan_load", nrow(at), integer(), -1L)
  add_event(mem, type = "load", at = at, node = node)
  node
}

store_elements <- function(mem, index, value, ctx) {
  at <- index_numbers(memory_shape(mem), index, ctx$trace$n, open = is.null(mem$dim))
  data <- !is_node(value)
  if (is_stream(value)) value <- stream_node(value, ctx)
  value <- as_node(value, ctx)
  k <- nrow(at$numbers)
  if (k %% value$len) abort_trace("values do not fill the elements")
  store_numbers(mem, at$numbers, stretch(value, k, ctx), data, ctx)
}

store_numbers <- function(mem, at, node, data, ctx, whole = FALSE) {
  store <- add_plain_node(ctx$b, "scan_store", nrow(at), node$id, -1L)
  add_event(mem, type = "store", at = at, node = node, store = store$id, data = data, whole = whole)
}

# ---- after the body -----------------------------------------------------------------------------------------------------

finish_trace <- function(trace, ctx) {
  last <- store_current(trace, ctx)
  memories <- mget(ls(trace$memory, all.names = TRUE), envir = trace$memory)
  memories <- Filter(function(mem) length(mem$events) > 0L, memories)
  for (mem in memories) play_memory(mem, trace$n)
  ctx$b <- trace$outer
  ctx$trace <- NULL
  live <- live_nodes(trace, memories)
  scan <- add_scan(trace, memories, live, ctx)
  for (mem in memories) if (is_final(mem, trace)) assign_value(mem$name, final_value(mem, trace, scan, ctx), ctx)
  for (name in names(last)) assign_value(name, last[[name]], ctx)
  for (run in trace$queue) run()
}

# Names assigned whole: into memory when a later iteration or statement reads them. Data has the value of the last iteration.
store_current <- function(trace, ctx) {
  last <- list()
  for (name in ls(trace$current, all.names = TRUE)) {
    value <- trace$current[[name]]
    if (is_parts(value)) value <- join_parts(value, ctx)
    mem <- trace$memory[[name]]
    if (is_node(value) && (!is.null(mem) || name %in% trace$used_after)) {
      mem <- memory_of(name, ctx)
      check_carried_shape(mem, value, trace)
      store_numbers(mem, matrix(seq_len(value$len), value$len, trace$n), value, FALSE, ctx, whole = TRUE)
      mem$dim <- value$dim
      mem$dimnames <- value$dimnames
    } else if (!is_node(value)) {
      if (!is.null(mem)) abort_trace("a name is data at the end of an iteration and was read before")
      last[[name]] <- if (is_stream(value)) value$items[[trace$n]] else value
    }
  }
  last[names(last) %in% trace$used_after]
}

# A name that comes back with another shape than it had at the start (a vector that becomes a column): the first iteration
# is compiled apart.
check_carried_shape <- function(mem, value, trace) {
  whole <- any(vapply(mem$events, function(e) e$type == "extent", NA))
  if (!whole || (value$len == mem$start && identical(as.integer(value$dim), as.integer(mem$dim)))) return()
  if (trace$part) abort_trace("a name changes its shape")
  split_trace(1:2)
}

# For each read the places that it sees, counted from 1: first the elements at the start, then those of the first assignment in
# all iterations, and so on. `final`: where the elements stand after the loop.
play_memory <- function(mem, n) {
  events <- mem$events
  stores <- vapply(events, function(e) e$type == "store", NA)
  if (any(stores) && all(vapply(events[stores], `[[`, NA, "data"))) abort_trace("it fills data")
  sizes <- vapply(events, function(e) if (e$type == "store") nrow(e$at) * n else 0L, 0L)
  mem$base <- mem$start + c(0L, cumsum(sizes))
  most <- max(mem$start, vapply(events, function(e) if (e$type == "extent") 0L else max(e$at), 0L))
  place <- integer(most)
  place[seq_len(mem$start)] <- seq_len(mem$start)
  if (is_parts(mem$initial)) place[which(vapply(mem$initial$parts, is.null, NA))] <- 0L
  at <- lapply(events, `[[`, "at")
  seen <- lapply(at, function(a) if (!is.null(a)) matrix(0L, nrow(a), ncol(a)))
  extent <- mem$start
  for (t in seq_len(n)) {
    for (e in seq_along(events)) {
      if (stores[e]) {
        i <- at[[e]][, t]
        place[i] <- mem$base[e] + (t - 1L) * length(i) + seq_along(i)
        extent <- if (events[[e]]$whole) length(i) else max(extent, i)
      } else if (is.null(at[[e]])) {
        if (extent != events[[e]]$k) abort_trace("a vector that is read whole changes its length")
      } else {
        seen[[e]][, t] <- place[at[[e]][, t]]
      }
    }
  }
  if (any(vapply(seen[!stores], function(s) any(s == 0L), NA))) abort_trace("an element is read before it is assigned")
  mem$seen <- seen
  mem$final <- place[seq_len(extent)]
}

# Which event a place belongs to: 0 for the start.
event_of <- function(mem, places) findInterval(places, mem$base + 1L, left.open = FALSE) * (places > mem$start)

is_final <- function(mem, trace) mem$name %in% trace$used_after && any(vapply(mem$events, function(e) e$type == "store", NA))

# Nodes of the body that are needed, from what is read after the loop back. An assignment of an input that only the final value
# needs stays out of the scan: the input outside is that vector already.
live_nodes <- function(trace, memories) {
  b <- trace$body
  live <- logical(b$n)
  mark <- function(id) {
    if (live[id + 1L]) return()
    live[id + 1L] <<- TRUE
    for (a in b$args[[id + 1L]]) mark(a)
  }
  for (e in trace$exports) mark(e$store)
  for (mem in memories) {
    if (!is_final(mem, trace)) next
    if (any(mem$final == 0L)) abort_trace("an element is never assigned")
    for (k in setdiff(unique(event_of(mem, mem$final)), 0L)) {
      from <- source_of(b, mem$events[[k]]$node$id)
      if (is.null(from) || !from$along) mark(mem$events[[k]]$store)
    }
  }
  repeat {
    before <- sum(live)
    for (mem in memories) {
      for (e in seq_along(mem$events)) {
        event <- mem$events[[e]]
        if (event$type != "load" || !live[event$node$id + 1L]) next
        for (k in setdiff(unique(event_of(mem, mem$seen[[e]])), 0L)) mark(mem$events[[k]]$store)
      }
    }
    if (sum(live) == before) return(live)
  }
}

# The scan node: its memory holds the elements at the start that are read, then what is stored. `mem$slot` maps places to slots.
add_scan <- function(trace, memories, live, ctx) {
  if (!any(live)) return(NULL)
  b <- trace$body
  starts <- list()
  used <- 0L
  for (mem in memories) {
    mem$slot <- rep(NA_integer_, utils::tail(mem$base, 1L))
    is_read <- vapply(mem$events, function(e) e$type == "load" && live[e$node$id + 1L], NA)
    read <- sort(unique(unlist(lapply(mem$seen[is_read], function(s) s[s <= mem$start]))))
    if (!length(read)) next
    mem$slot[read] <- used + seq_along(read)
    used <- used + length(read)
    starts <- c(starts, list(start_elements(mem, read, ctx)))
  }
  n_initial <- used
  for (mem in memories) {
    for (e in seq_along(mem$events)) {
      event <- mem$events[[e]]
      if (event$type != "store" || !live[event$store + 1L]) next
      b$ints[[event$store + 1L]] <- used
      size <- nrow(event$at) * trace$n
      mem$slot[mem$base[e] + seq_len(size)] <- used + seq_len(size)
      used <- used + size
    }
  }
  for (k in seq_along(trace$exports)) {
    b$ints[[trace$exports[[k]]$store + 1L]] <- used
    trace$exports[[k]]$first <- used
    used <- used + trace$exports[[k]]$len * trace$n
  }
  for (mem in memories) {
    for (e in seq_along(mem$events)) {
      id <- mem$events[[e]]$node$id
      if (mem$events[[e]]$type == "load" && live[id + 1L]) b$ints[[id + 1L]] <- add_index(trace$outer, mem$slot[mem$seen[[e]]])
    }
  }
  inputs <- close_body(b, live, n_initial > 0L)
  initial <- if (n_initial) as_node(join(ctx, starts), ctx)$id
  trace$outer$bodies[[length(trace$outer$bodies) + 1L]] <- c(list(iterations = trace$n, n_initial = n_initial), finish_code(b))
  scan <- add_node(trace$outer, "scan", used, c(initial, inputs), length(trace$outer$bodies) - 1L)
  for (k in seq_along(trace$exports)) {
    size <- trace$exports[[k]]$len * trace$n
    trace$exports[[k]]$node <- slots_of(scan, trace$exports[[k]]$first + seq_len(size), trace$outer)
  }
  scan
}

slots_of <- function(scan, slots, outer) if (identical(slots, seq_len(scan$len))) scan else add_gather(outer, scan, slots)

# Elements of the value that a name had before the loop.
start_elements <- function(mem, numbers, ctx) {
  x <- mem$initial
  if (is_parts(x)) return(join(ctx, x$parts[numbers]))
  if (is_node(x) && identical(numbers, seq_len(x$len))) return(with_dim(x, NULL))
  pick(ctx, x, numbers)
}

# Drop what is not needed and number the rest anew. The nodes outside that the body reads, in the order of the scan's arguments.
close_body <- function(b, live, has_initial) {
  number <- cumsum(live) - 1L
  inputs <- integer()
  for (id in which(live) - 1L) {
    from <- source_of(b, id)
    if (is.null(from)) next
    if (!from$id %in% inputs) inputs <- c(inputs, from$id)
    b$ints[[id + 1L]] <- c(match(from$id, inputs) - 1L + has_initial, as.integer(from$along))
  }
  b$args <- lapply(b$args[which(live)], function(a) number[a + 1L])
  b$ints <- b$ints[which(live)]
  b$op <- b$op[which(live)]
  b$len <- b$len[which(live)]
  b$n <- sum(live)
  inputs
}

# A name's value after the loop, put together from the scan, vectors outside and elements it had before.
final_value <- function(mem, trace, scan, ctx) {
  event <- event_of(mem, mem$final)
  slot <- if (is.null(scan)) rep(NA_integer_, length(mem$final)) else mem$slot[mem$final]
  group <- ifelse(is.na(slot), event, -1L)
  pieces <- list()
  index <- integer(length(mem$final))
  used <- 0L
  for (k in unique(group)) {
    at <- mem$final[group == k]
    if (k == -1L) {
      piece <- scan
      where <- slot[group == k]
    } else if (k == 0L) {
      piece <- start_elements(mem, sort(at), ctx)
      where <- match(at, sort(at))
    } else {
      from <- source_of(trace$body, mem$events[[k]]$node$id)
      piece <- new_node(from$id, from$len)
      where <- at - mem$base[k]
    }
    pieces[[length(pieces) + 1L]] <- piece
    index[group == k] <- used + where
    used <- used + value_length(piece)
  }
  node <- as_node(join(ctx, pieces), ctx)
  if (!identical(index, seq_len(node$len))) node <- add_gather(ctx$b, node, index)
  node <- with_dim(node, if (prod(mem$dim) == length(index)) mem$dim)
  node$dimnames <- mem$dimnames
  node
}
