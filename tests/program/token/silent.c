/* A PKCS#11 module in front of another: all calls go through, but C_Sign waits for ever while a file is
   there. What comes of that in a node is for the test to see. MODULE and HANG are given by the compiler. */

#include <dlfcn.h>
#include <stddef.h>
#include <string.h>
#include <unistd.h>

typedef unsigned long (*sign_fn)(unsigned long, unsigned char *, unsigned long, unsigned char *, unsigned long *);
typedef unsigned long (*list_fn)(void **);

/* CK_FUNCTION_LIST of PKCS#11 2.40: the version, then 68 functions; C_Sign is the 44th. */
struct list {
    unsigned char version[2];
    void *functions[68];
};
enum { C_GET_FUNCTION_LIST = 3, C_SIGN = 43 };

static struct list own;
static sign_fn sign_there;

static unsigned long sign(unsigned long session, unsigned char *data, unsigned long length,
                          unsigned char *signature, unsigned long *signature_length)
{
    while (access(HANG, F_OK) == 0)
        sleep(1);
    return sign_there(session, data, length, signature, signature_length);
}

unsigned long C_GetFunctionList(void **out)
{
    if (sign_there == NULL) {
        void *module = dlopen(MODULE, RTLD_NOW | RTLD_LOCAL);
        void *symbol = module ? dlsym(module, "C_GetFunctionList") : NULL;
        list_fn list_there;
        struct list *there = NULL;
        void *replaced;
        sign_fn own_sign = sign;
        list_fn own_list = C_GetFunctionList;
        if (symbol == NULL)
            return 5; /* CKR_GENERAL_ERROR */
        memcpy(&list_there, &symbol, sizeof list_there);
        if (list_there((void **)&there) != 0)
            return 5;
        own = *there;
        memcpy(&sign_there, &own.functions[C_SIGN], sizeof sign_there);
        memcpy(&replaced, &own_sign, sizeof replaced);
        own.functions[C_SIGN] = replaced;
        memcpy(&replaced, &own_list, sizeof replaced);
        own.functions[C_GET_FUNCTION_LIST] = replaced;
    }
    *out = &own;
    return 0;
}
