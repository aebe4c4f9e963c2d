export type PageType = 'text/html' | 'application/json' | 'text/plain'
