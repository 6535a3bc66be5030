/* Prints the SASL mechanisms that are built in. */
#include <sasl/sasl.h>
#include <stdio.h>

int main(void)
{
    const char **name;
    if (sasl_client_init(NULL) != SASL_OK)
        return 1;
    for (name = sasl_global_listmech(); name && *name; name++)
        puts(*name);
    sasl_client_done();
    return 0;
}
