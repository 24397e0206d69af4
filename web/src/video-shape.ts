/** Keeps the shape of the picture at hand for the style sheet. */
export function videoShape(video: HTMLVideoElement, stage: HTMLElement): void {
  const shape = () => {
    if (!video.videoWidth || !video.videoHeight) return;
    stage.style.setProperty('--ratio', String(video.videoWidth / video.videoHeight));
  };
  video.addEventListener('loadedmetadata', shape);
  video.addEventListener('resize', shape);
}
