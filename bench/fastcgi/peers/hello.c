/* libfcgi: eight processes, each with one connection at a time, on the Unix socket of the argument. */
#include <fcgiapp.h>
#include <sys/wait.h>
#include <unistd.h>

int main(int argc, char **argv) {
  if (argc < 2) return 1;
  FCGX_Init();
  int socket = FCGX_OpenSocket(argv[1], 64);
  for (int i = 0; i < 8; i++) {
    if (fork() != 0) continue;
    FCGX_Request request;
    FCGX_InitRequest(&request, socket, 0);
    while (FCGX_Accept_r(&request) == 0)
      FCGX_PutS("Content-Type: text/plain\r\nContent-Length: 12\r\n\r\nhello world\n", request.out);
    return 0;
  }
  while (wait(NULL) > 0) {}
  return 0;
}
