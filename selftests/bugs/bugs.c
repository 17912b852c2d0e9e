// SPDX-License-Identifier: GPL-2.0-only
/*
 * Deliberate bugs, to see that a debug kernel reports them:
 *	insmod bugs.ko what=none|oob|uaf|lock|sleep|leak|ubsan|rcu
 */
#include <linux/delay.h>
#include <linux/module.h>
#include <linux/mutex.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/spinlock.h>

static char *what = "none";
module_param(what, charp, 0);
MODULE_PARM_DESC(what, "which bug to make");

static DEFINE_MUTEX(first);
static DEFINE_MUTEX(second);
static DEFINE_SPINLOCK(spin);

static void out_of_bounds(void)
{
	volatile char *p = kmalloc(24, GFP_KERNEL);

	p[24] = 1;
	kfree((void *)p);
}

static void use_after_free(void)
{
	volatile char *p = kmalloc(24, GFP_KERNEL);

	kfree((void *)p);
	p[1] = 2;
}

static void lock_order(void)
{
	mutex_lock(&first);
	mutex_lock(&second);
	mutex_unlock(&second);
	mutex_unlock(&first);
	mutex_lock(&second);
	mutex_lock(&first);
	mutex_unlock(&first);
	mutex_unlock(&second);
}

static void sleep_in_atomic(void)
{
	spin_lock(&spin);
	msleep(20);
	spin_unlock(&spin);
}

/*
 * Several: kmemleak reads whole kernel stacks, and a later task that is given this one's stack keeps
 * what was left in the slot of the last pointer reachable.
 */
static void leak(void)
{
	void *volatile p;
	int i;

	for (i = 0; i < 16; i++)
		p = kmalloc(24, GFP_KERNEL);
	p = NULL;
	(void)p;
}

static void undefined(void)
{
	volatile int n = 40;

	n = 1 << n;
}

static void rcu_unlocked(void)
{
	void __rcu *p = NULL;

	(void)rcu_dereference(p);
}

static int __init bugs_init(void)
{
	static const struct {
		const char *name;
		void (*make)(void);
	} bugs[] = {
		{ "oob", out_of_bounds },
		{ "uaf", use_after_free },
		{ "lock", lock_order },
		{ "sleep", sleep_in_atomic },
		{ "leak", leak },
		{ "ubsan", undefined },
		{ "rcu", rcu_unlocked },
	};
	int i;

	for (i = 0; i < ARRAY_SIZE(bugs); i++)
		if (!strcmp(what, bugs[i].name))
			bugs[i].make();
	return 0;
}

static void __exit bugs_exit(void)
{
}

module_init(bugs_init);
module_exit(bugs_exit);
MODULE_DESCRIPTION("deliberate bugs for testing the debug kernels");
MODULE_LICENSE("GPL");
