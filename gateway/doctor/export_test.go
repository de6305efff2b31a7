package doctor

// Merge is merge.
var Merge = merge
