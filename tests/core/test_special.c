/* test_special.c: values from mpmath at 60 digits and more. */
#include "check.h"
#include "special.h"

static void test_softplus(void)
{
  CHECK_NEAR(fr_softplus(-745.0), 4.9406564584124654e-324, 1e-15);
  CHECK_NEAR(fr_softplus(-40.0), 4.2483542552915889863e-18, 1e-15);
  CHECK_NEAR(fr_softplus(-1.0), 0.31326168751822283405, 1e-15);
  CHECK_NEAR(fr_softplus(0.0), FR_LN_2, 1e-15);
  CHECK_NEAR(fr_softplus(1.0), 1.313261687518222834, 1e-15);
  CHECK_NEAR(fr_softplus(30.0), 30.000000000000093576, 1e-16);
  CHECK_NEAR(fr_softplus(1e308), 1e308, 0.0);
  CHECK_NEAR(fr_softplus(INFINITY), INFINITY, 0.0);
  CHECK_NEAR(fr_softplus(-INFINITY), 0.0, 0.0);
  CHECK_NEAR(fr_softplus(NAN), NAN, 0.0);

  CHECK_NEAR(fr_softplus_inverse(1e-300), -690.77552789821370518, 1e-15);
  CHECK_NEAR(fr_softplus_inverse(1e-8), -18.420680738952365447, 1e-15);
  CHECK_NEAR(fr_softplus_inverse(1e-4), -9.2102903715595160215, 1e-15);
  CHECK_NEAR(fr_softplus_inverse(0.1), -2.2521684610440907506, 1e-15);
  CHECK_NEAR_ABS(fr_softplus_inverse(FR_LN_2), 0.0, 3e-16);
  CHECK_NEAR(fr_softplus_inverse(0.7), 0.013658997191614802092, 1e-13);
  CHECK_NEAR(fr_softplus_inverse(1.0), 0.54132485461291810898, 1e-15);
  CHECK_NEAR(fr_softplus_inverse(2.5), 2.4143495162579618188, 1e-15);
  CHECK_NEAR(fr_softplus_inverse(30.0), 29.999999999999906424, 1e-15);
  CHECK_NEAR(fr_softplus_inverse(800.0), 800.0, 0.0);
  CHECK_NEAR(fr_softplus_inverse(INFINITY), INFINITY, 0.0);
  CHECK_NEAR(fr_softplus_inverse(0.0), -INFINITY, 0.0);
  CHECK_NEAR(fr_softplus_inverse(-1.0), NAN, 0.0);
  CHECK_NEAR(fr_softplus_inverse(NAN), NAN, 0.0);
  for (double x = -700.0; x < 700.0; x += 7.3) CHECK_CLOSE(fr_softplus_inverse(fr_softplus(x)), x, 1e-14, 0.0);
}

static void test_sigmoid(void)
{
  CHECK_NEAR(fr_sigmoid(0.0), 0.5, 0.0);
  CHECK_NEAR(fr_sigmoid(-30.0), 9.357622968839299e-14, 1e-14);
  CHECK_NEAR(fr_sigmoid(700.0), 1.0, 0.0);
  CHECK_NEAR(fr_sigmoid(-700.0), exp(-700.0), 1e-15);
  CHECK_NEAR(fr_sigmoid(INFINITY), 1.0, 0.0);
  CHECK_NEAR(fr_sigmoid(-INFINITY), 0.0, 0.0);
  CHECK_NEAR(fr_sigmoid(NAN), NAN, 0.0);
  CHECK_NEAR(fr_log_sigmoid(40.0), -4.2483542552915889863e-18, 1e-15);
  CHECK_NEAR(fr_log_sigmoid(-800.0), -800.0, 0.0);

  CHECK_NEAR(fr_logit(1e-300), -690.77552789821370518, 1e-15);
  CHECK_NEAR(fr_logit(0.3), -0.84729786038720366658, 2e-15);
  CHECK_NEAR(fr_logit(0.4999999), -4.0000000001150759914e-7, 1e-14);
  CHECK_NEAR(fr_logit(0.5000001), 3.9999999978946299421e-7, 1e-14);
  CHECK_NEAR(fr_logit(0.9), 2.1972245773362196295, 1e-15);
  CHECK_NEAR(fr_logit(1.0 - 0x1p-53), 36.736800569677101288, 1e-15);
  CHECK_NEAR(fr_logit(0.0), -INFINITY, 0.0);
  CHECK_NEAR(fr_logit(1.0), INFINITY, 0.0);
  CHECK_NEAR(fr_logit(1.5), NAN, 0.0);
  CHECK_NEAR(fr_logit(-0.5), NAN, 0.0);
  CHECK_NEAR(fr_logit(NAN), NAN, 0.0);

  CHECK_NEAR(fr_log1m_exp(-1e-300), -690.77552789821370518, 1e-15);
  CHECK_NEAR(fr_log1m_exp(-1e-10), -23.025850929990456804, 1e-15);
  CHECK_NEAR(fr_log1m_exp(-0.5), -0.93275212956718857189, 1e-15);
  CHECK_NEAR(fr_log1m_exp(-1.0), -0.45867514538708189102, 1e-15);
  CHECK_NEAR(fr_log1m_exp(-40.0), -4.2483542552915890044e-18, 1e-15);
  CHECK_NEAR(fr_log1m_exp(0.0), -INFINITY, 0.0);
  CHECK_NEAR(fr_log1m_exp(1.0), NAN, 0.0);
  CHECK_NEAR(fr_log1m_exp(NAN), NAN, 0.0);
}

static void test_xlogy(void)
{
  CHECK_NEAR(fr_xlogy(0.0, 0.0), 0.0, 0.0);
  CHECK_NEAR(fr_xlogy(0.0, INFINITY), 0.0, 0.0);
  CHECK_NEAR(fr_xlogy(2.0, 3.0), 2.0 * log(3.0), 1e-16);
  CHECK_NEAR(fr_xlogy(2.0, 0.0), -INFINITY, 0.0);
  CHECK_NEAR(fr_xlogy(0.0, -1.0), NAN, 0.0);
  CHECK_NEAR(fr_xlogy(0.0, NAN), NAN, 0.0);
  CHECK_NEAR(fr_xlogy(NAN, 1.0), NAN, 0.0);
  CHECK_NEAR(fr_xlog1py(0.0, -1.0), 0.0, 0.0);
  CHECK_NEAR(fr_xlog1py(2.0, 1e-20), 2e-20, 1e-15);
  CHECK_NEAR(fr_xlog1py(2.0, -1.0), -INFINITY, 0.0);
  CHECK_NEAR(fr_xlog1py(1.0, -1.5), NAN, 0.0);
  CHECK_NEAR(fr_xlog1py(1.0, NAN), NAN, 0.0);
}

static void test_gamma(void)
{
  CHECK_NEAR(fr_lgamma(1e-310), 713.8013788281541651, 1e-15);
  CHECK_NEAR(fr_lgamma(1e-10), 23.025850929882735237, 1e-15);
  CHECK_NEAR(fr_lgamma(0.5), 0.57236494292470008707, 2e-15);
  CHECK_NEAR(fr_lgamma(1.5), -0.12078223763524522235, 1e-14);
  CHECK_NEAR(fr_lgamma(10.5), 13.940625219403763633, 2e-15);
  CHECK_NEAR(fr_lgamma(1e10), 220258509288.81058147, 1e-15);
  CHECK_NEAR(fr_lgamma(1e300), 6.8977552789821374147e+302, 1e-15);
  CHECK_NEAR(fr_lgamma(1e308), INFINITY, 0.0);
  CHECK_NEAR(fr_lgamma(INFINITY), INFINITY, 0.0);
  CHECK_NEAR(fr_lgamma(0.0), INFINITY, 0.0);
  CHECK_NEAR(fr_lgamma(-0.5), NAN, 0.0);
  CHECK_NEAR(fr_lgamma(NAN), NAN, 0.0);

  CHECK_NEAR(fr_digamma(1e-20), -1e20, 1e-15);
  CHECK_NEAR(fr_digamma(1e-5), -100000.57719921567289, 1e-15);
  CHECK_NEAR(fr_digamma(0.5), -1.9635100260214234794, 2e-15);
  CHECK_NEAR(fr_digamma(1.0), -0.57721566490153286061, 2e-15);
  CHECK_NEAR(fr_digamma(3.7), 1.1671535393615114409, 2e-15);
  CHECK_NEAR(fr_digamma(1e8), 18.420680738952365464, 1e-15);
  CHECK_NEAR(fr_digamma(1e20), 46.05170185988091368, 1e-15);
  CHECK_NEAR(fr_digamma(INFINITY), INFINITY, 0.0);
  CHECK_NEAR(fr_digamma(0.0), -INFINITY, 0.0);
  CHECK_NEAR(fr_digamma(-1.0), NAN, 0.0);
  CHECK_NEAR(fr_digamma(NAN), NAN, 0.0);

  CHECK_NEAR(fr_trigamma(1e-12), 1e24, 1e-15);
  CHECK_NEAR(fr_trigamma(1e-8), 10000000000000001.226, 4e-15);
  CHECK_NEAR(fr_trigamma(1e-3), 1000001.6425331958273, 2e-15);
  CHECK_NEAR(fr_trigamma(1.0), 1.6449340668482264365, 2e-15);
  CHECK_NEAR(fr_trigamma(7.5), 0.14261589669670379977, 2e-15);
  CHECK_NEAR(fr_trigamma(1e8), 1.0000000050000000167e-8, 4e-15);
  CHECK_NEAR(fr_trigamma(1e20), 1e-20, 1e-15);
  CHECK_NEAR(fr_trigamma(INFINITY), 0.0, 0.0);
  CHECK_NEAR(fr_trigamma(0.0), INFINITY, 0.0);
  CHECK_NEAR(fr_trigamma(-1.0), NAN, 0.0);
  CHECK_NEAR(fr_trigamma(NAN), NAN, 0.0);
}

static void test_beta(void)
{
  CHECK_NEAR(fr_lbeta(2.0, 3.0), -2.4849066497880003102, 2e-15);
  CHECK_NEAR(fr_lbeta(2.0, 1e-310), 713.8013788281541651, 1e-15);
  CHECK_NEAR(fr_lbeta(1e-40, 1e-35), 92.103413719711827765, 1e-15);
  CHECK_NEAR(fr_lbeta(1e-310, 1e-312), 718.41649934499694099, 1e-14); /* subnormal ratio */
  CHECK_NEAR(fr_lbeta(0.5, 1e12), -13.243145615039449017, 1e-15);
  CHECK_NEAR(fr_lbeta(1e8, 1e8), -138629444.05681730912, 1e-15);
  CHECK_NEAR(fr_lbeta(1e8, 2e5), -1443126.6695826501223, 1e-14);
  CHECK_NEAR(fr_lbeta(3.0, 1e305), -2106.1722129089918554, 1e-15);
  CHECK_NEAR(fr_lbeta(1e303, 2e302), -5.4067345063956565374e302, 1e-15);
  CHECK_NEAR(fr_lbeta(0.0, 1.0), INFINITY, 0.0);
  CHECK_NEAR(fr_lbeta(1.0, INFINITY), -INFINITY, 0.0);
  CHECK_NEAR(fr_lbeta(0.0, INFINITY), NAN, 0.0);
  CHECK_NEAR(fr_lbeta(-1.0, 2.0), NAN, 0.0);
  CHECK_NEAR(fr_lbeta(2.0, NAN), NAN, 0.0);
  CHECK_NEAR(fr_lbeta(NAN, 2.0), NAN, 0.0);

  CHECK_NEAR(fr_lchoose(10.0, 3.0), 4.7874917427820459942, 2e-15);
  CHECK_NEAR(fr_lchoose(1e9, 2.0), 40.753384492332877002, 1e-15);
  CHECK_NEAR(fr_lchoose(1e15, 5e14), 693147180559927.81424, 1e-15);
  CHECK_NEAR(fr_lchoose(7.5, 2.25), 3.3938613392020430389, 2e-15);
  CHECK_NEAR(fr_lchoose(50.0, 49.0), 3.9120230054281460586, 2e-15);
  CHECK_NEAR(fr_lchoose(5.0, 0.0), 0.0, 0.0);
  CHECK_NEAR(fr_lchoose(5.0, 5.0), 0.0, 0.0);
  CHECK_NEAR(fr_lchoose(5.0, 6.0), NAN, 0.0);
  CHECK_NEAR(fr_lchoose(5.0, -1.0), NAN, 0.0);
  CHECK_NEAR(fr_lchoose(NAN, 1.0), NAN, 0.0);
}

void test_special(void)
{
  test_softplus();
  test_sigmoid();
  test_xlogy();
  test_gamma();
  test_beta();
}
