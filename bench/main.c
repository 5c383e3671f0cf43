/* main: netbench as a program of its own; vmmcctl has it inside as well. */
#include "netbench.h"

int main(int argc, char **argv)
{
    return netbench_run(argc, argv);
}
