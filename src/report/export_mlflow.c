#include "report/export.h"
ek_status ek__export_mlflow(ek_export *export, ek_error *err);
ek_status ek__export_mlflow(ek_export *export, ek_error *err)
{
    (void)export;
    return ek_error_set(err, EK_E_FAILED, "x");
}
