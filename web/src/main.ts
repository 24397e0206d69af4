import { home } from './home';
import { showPage } from './live-room/page';
import { replayPage } from './replay-page';
import { roomPage } from './room-page';
import { route } from './route';
import { chooseLanguage } from './strings';

chooseLanguage();
const page = document.getElementById('page');
if (page) {
  const wanted = route(location.pathname, location.search);
  if (wanted.page === 'room') roomPage(page, wanted.room, wanted.player);
  else if (wanted.page === 'show') showPage(page, wanted.show, wanted.player);
  else if (wanted.page === 'replay') replayPage(page, wanted.replay, wanted.player);
  else home(page);
}
