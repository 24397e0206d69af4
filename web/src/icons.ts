/** Line icons on a 24 pixel grid, drawn for this page. */
const PATHS = {
  soundOff: 'M4 9.5v5h3.5L12 18.5V5.5L7.5 9.5zM16 9.5l5 5M21 9.5l-5 5',
  soundOn: 'M4 9.5v5h3.5L12 18.5V5.5L7.5 9.5zM15.5 9a4.2 4.2 0 0 1 0 6M18 6.5a7.8 7.8 0 0 1 0 11',
  fullscreen: 'M4 9V4h5M15 4h5v5M20 15v5h-5M9 20H4v-5',
  fullscreenExit: 'M9 4v5H4M20 9h-5V4M15 20v-5h5M4 15h5v5',
  pip: 'M4 5.5h16v13H4zM12.5 12h5v4h-5z',
  reload: 'M19.5 12a7.5 7.5 0 1 1-2.3-5.4M19.5 3.5v4.5H15',
  back: 'M14.5 5.5L8 12l6.5 6.5',
  copy: 'M9 9h10v11H9zM15 9V4H5v11h4',
  check: 'M5 12.5l4.5 4.5L19 7.5',
  play: 'M8 5.5v13l10.5-6.5z',
  pause: 'M8.5 5.5v13M15.5 5.5v13',
  rate: 'M4.5 16.5a8.5 8.5 0 1 1 15 0M12 13.5l3.5-4.5M12 13.5v.01',
  fromStart: 'M6 5.5v13M18.5 5.5v13L9.5 12z',
  quality: 'M4 8h9M17 8h3M15 6v4M4 16h3M11 16h9M9 14v4',
  download: 'M12 4v11M7.5 11L12 15.5 16.5 11M5 19.5h14',
  share: 'M12 15V4M8 7.5L12 3.5l4 4M6 11v9h12v-9',
  again: 'M4.5 12a7.5 7.5 0 1 0 2.3-5.4M4.5 3.5v4.5H9',
  eye: 'M2.5 12S6 5.5 12 5.5 21.5 12 21.5 12 18 18.5 12 18.5 2.5 12 2.5 12zM12 9.5a2.5 2.5 0 1 0 0 5 2.5 2.5 0 0 0 0-5z',
  lock: 'M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3',
  film: 'M4 5h16v14H4zM8 5v14M16 5v14M4 12h16',
  moon: 'M19 14.5A7.5 7.5 0 0 1 9.5 5a7.5 7.5 0 1 0 9.5 9.5z',
  plug: 'M9 3.5v5M15 3.5v5M6.5 8.5h11V12a5.5 5.5 0 0 1-11 0zM12 17.5v3',
  clock: 'M12 4a8 8 0 1 0 0 16 8 8 0 0 0 0-16zM12 7.5V12l3 2',
  heart:
    'M12 19.5S4 14.8 4 9.3A4.3 4.3 0 0 1 8.3 5c1.6 0 2.9.8 3.7 2 .8-1.2 2.1-2 3.7-2A4.3 4.3 0 0 1 20 9.3c0 5.5-8 10.2-8 10.2z',
  send: 'M20.5 3.5L10 14M20.5 3.5l-6.5 17-4-6.5-6.5-4z',
  pin: 'M9 4h6M10 4v6l-3 3.5h10L14 10V4M12 13.5V20',
  gift: 'M4 11h16v9H4zM3 7.5h18V11H3zM12 7.5V20M12 7.5C10 3 5.5 3.8 7 7.5M12 7.5c2-4.5 6.5-3.7 5 0',
  bag: 'M5 8h14l1 12H4zM8.5 10.5V7a3.5 3.5 0 0 1 7 0v3.5',
  stop: 'M12 3.5v8M7 6.3a7.5 7.5 0 1 0 10 0',
  down: 'M6 9.5l6 6 6-6',
  close: 'M6 6l12 12M18 6L6 18',
  people:
    'M9 11.5a3.5 3.5 0 1 0 0-7 3.5 3.5 0 0 0 0 7zM2.5 19.5c0-3.6 2.9-5.5 6.5-5.5s6.5 1.9 6.5 5.5M15.5 4.8a3.5 3.5 0 0 1 0 6.4M18 14.6c2.2.8 3.5 2.5 3.5 4.9',
  horn: 'M4 10v4h3l7 4V6l-7 4zM17.5 9a4.2 4.2 0 0 1 0 6',
} as const;

export type Icon = keyof typeof PATHS;

const SVG = 'http://www.w3.org/2000/svg';

/** An icon, hidden from screen readers: the button around it has a name. */
export function icon(name: Icon): SVGSVGElement {
  const svg = document.createElementNS(SVG, 'svg');
  svg.setAttribute('viewBox', '0 0 24 24');
  svg.setAttribute('class', 'icon');
  svg.setAttribute('aria-hidden', 'true');
  svg.append(document.createElementNS(SVG, 'path'));
  setIcon(svg, name);
  return svg;
}

/** Changes an icon in place. */
export function setIcon(svg: SVGSVGElement, name: Icon): void {
  const path = svg.firstElementChild;
  if (path?.getAttribute('d') !== PATHS[name]) path?.setAttribute('d', PATHS[name]);
}
