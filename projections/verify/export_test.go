package verify

// PartRows is how many rows a part of a verification has at most.
const PartRows = verifyRows
