// How search ranks what it finds: lessons and guides first, then the pages of the helper package. A learner who looks for
// "freeze" wants to know what freezing is; the function of that name comes below.
const BELOW = 50; // more than any page of the package can score

var Scorer = {
  score: ([page, , , , score]) => (page.startsWith("api/") ? score - BELOW : score),
  objNameMatch: 11,
  objPartialMatch: 6,
  objPrio: { 0: 15, 1: 5, 2: -5 },
  objPrioDefault: 0,
  title: 15,
  partialTitle: 7,
  term: 5,
  partialTerm: 2,
};
