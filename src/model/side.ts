// Which of its two databases a run means.

export type Side = 'source' | 'target';
